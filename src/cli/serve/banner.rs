//! The startup banner of `serve`: its addresses, the state of the modules, and the snippets for an MCP host.

use std::collections::HashMap;

use comfy_table::Cell;
use serde::Serialize;
use serde_json::{Value, json};

use crate::broker::{BrokerError, VaultStatus};
use crate::caller::Caller;
use crate::cli::client_config::{Host, Transport};
use crate::cli::compose::App;
use crate::cli::hint;
use crate::cli::module_status::ModuleStatus;
use crate::cli::output::Output;
use crate::cli::running_server::RunningServer;
use crate::cli::table::{self, bold, green, keep_words, yellow};

/// The first read of each account, by module and account: see [`Broker::prefetch`](crate::broker::Broker::prefetch).
pub(super) type Prefetch = HashMap<(String, String), Result<(), BrokerError>>;

/// The startup banner.
#[derive(Debug)]
pub(super) struct Banner<'a> {
    app: &'a App,
    server: Option<&'a RunningServer>,
    accounts: Vec<AccountState>,
    unchecked: usize,
}

/// Whether an account has its credential.
#[derive(Debug, Serialize)]
struct AccountState {
    module: String,
    account: String,
    /// Why the credential is absent. For the operator: may name a variable, a path or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<String>,
}

impl<'a> Banner<'a> {
    /// Creates the banner from the first read of the accounts. On stdio, `server` is `None`.
    pub(super) fn new(app: &'a App, server: Option<&'a RunningServer>, prefetch: &Prefetch) -> Self {
        let (mut accounts, mut unchecked) = (Vec::new(), 0);
        for module in app.calls.registry().modules(&Caller::local()) {
            for account in &module.accounts {
                let key = (module.name.clone(), account.name.clone());
                let absent = match prefetch.get(&key) {
                    Some(Err(BrokerError::Missing { source, .. })) => Some(source.message().to_owned()),
                    // If the vault is down, the table says so.
                    Some(_) => None,
                    None => {
                        unchecked += 1;
                        continue;
                    }
                };
                let (module, account) = key;
                accounts.push(AccountState { module, account, absent });
            }
        }
        Self { app, server, accounts, unchecked }
    }

    /// Prints the address, which is known before the vaults have been probed.
    pub(super) fn print_address(server: &RunningServer, output: Output) {
        if !output.is_json() {
            output.line(format_args!("http://{}/mcp", server.address));
        }
    }

    /// Prints everything but the address, or with `--json` the whole banner.
    pub(super) fn print(&self, output: Output) {
        match output.is_json() {
            true => output.document(&self.document()),
            false => output.line(self.render()),
        }
    }

    /// Returns everything but the address as text.
    pub(super) fn render(&self) -> String {
        let mut lines = Vec::new();
        match self.server {
            Some(server) => lines.push(format!("admin: http://{} (/readyz, /metrics)", server.admin_address)),
            None => lines.push("serving MCP on standard input and output".to_owned()),
        }
        let mut table = table::new(&["module", "vault", "state", "accounts"]);
        for status in self.app.modules() {
            table.add_row([
                bold(&status.entry.name),
                Cell::new(&status.entry.vault),
                status.cell(),
                self.accounts_cell(&status),
            ]);
        }
        lines.push(keep_words(table).to_string());
        let vaults = self.app.calls.broker().vaults();
        let with_sources = vaults.iter().filter(|vault| !vault.sources.is_empty());
        lines.extend(
            with_sources.map(|vault| format!("  vault {} uses {}", vault.name, vault.sources.join(", "))),
        );
        lines.extend(self.absent_credentials());
        lines.extend(self.app.warnings.iter().map(|warning| format!("! {warning}")));
        lines.extend(self.app.calls.registry().broken().iter().map(|broken| format!("! {broken}")));
        if self.server.is_some_and(|server| !server.address.ip().is_loopback()) {
            lines.push(
                "! everyone who can connect to this port can use every account; a host on another machine must use a name \
                 or address that `server.allowed_hosts` lists"
                    .to_owned(),
            );
        }
        if let (Some(http), Some(stdio)) = (self.http_snippet(), self.stdio_snippet()) {
            let write = hint::command(&self.app.profile, "client-config HOST --write");
            lines.push(format!("\nPaste into the file of your MCP host, or run {write}:"));
            lines.push(format!("{http:#}\nor, for a host that starts the server itself:\n{stdio:#}"));
        }
        lines.join("\n")
    }

    fn accounts_cell(&self, status: &ModuleStatus<'_>) -> Cell {
        let text = status.accounts().join(", ");
        // Without a manifest the fields of a credential are unknown, so its accounts were not read.
        let Some(module) = status.module else { return Cell::new(text) };
        match self.accounts.iter().filter(|a| a.module == module.name && a.absent.is_some()).count() {
            0 => green(text),
            count => yellow(format!("{text} ({count} without a credential)")),
        }
    }

    /// Returns one line per account without a credential, with the vault's message.
    fn absent_credentials(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .accounts
            .iter()
            .filter_map(|a| Some(format!("! {}/{}: {}", a.module, a.account, a.absent.as_ref()?)))
            .collect();
        if self.unchecked > 0 {
            lines.push(format!(
                "  {} accounts were not checked: there are too many, they differ per user, or their credentials are \
                 created on demand",
                self.unchecked
            ));
        }
        lines
    }

    fn document(&self) -> Value {
        let vaults: Vec<Value> = self.app.calls.broker().vaults().iter().map(vault_document).collect();
        json!({
            "mcp": self.server.map(|server| format!("http://{}/mcp", server.address)),
            "admin": self.server.map(|server| format!("http://{}", server.admin_address)),
            "profile": self.app.profile,
            "vaults": vaults,
            "modules": self.app.modules().map(|status| status.document()).collect::<Vec<_>>(),
            "accounts": self.accounts,
            "accounts_not_looked_at": self.unchecked,
            "warnings": self.app.warnings,
            "manifest_problems": self.app.calls.registry().broken(),
            "host": { "http": self.http_snippet(), "stdio": self.stdio_snippet() },
        })
    }

    /// Returns the snippet for Claude Code and for every host that uses the same keys.
    fn http_snippet(&self) -> Option<Value> {
        Some(Host::ClaudeCode.snippet(&Transport::http(self.server?.address)))
    }

    /// Returns the snippet for every host with `mcpServers`, or `None` if the path of this program is unknown.
    fn stdio_snippet(&self) -> Option<Value> {
        let transport = Transport::stdio(&self.app.profile_anywhere).ok()?;
        Some(Host::ClaudeDesktop.snippet(&transport))
    }
}

fn vault_document(vault: &VaultStatus) -> Value {
    json!({
        "name": vault.name, "backend": vault.backend, "location": vault.location, "sources": vault.sources,
        "state": vault.state, "reason": vault.reason,
    })
}
