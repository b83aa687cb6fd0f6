//! What `serve` says when it has started: where it listens, what is up, what is down and why, and what to paste into
//! an MCP host.

use std::collections::HashMap;

use comfy_table::{Attribute, Cell};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::client_config::{Host, Transport};
use super::super::compose::Composed;
use super::super::output::{Output, fair, good, keep_words};
use super::super::roster::ModuleStatus;
use super::running::Running;
use crate::broker::{BrokerError, VaultStatus};
use crate::caller::Caller;

/// How the accounts were found at start, by module and account: see [`Broker::prefetch`](crate::broker::Broker::prefetch).
pub(super) type Found = HashMap<(String, String), Result<(), BrokerError>>;

/// How the server is, just started.
#[derive(Debug)]
pub(super) struct Greeting<'a> {
    composed: &'a Composed,
    running: Option<&'a Running>,
    accounts: Vec<AccountState>,
    not_looked_at: usize,
}

/// Whether an account has its credential.
#[derive(Debug, Serialize)]
struct AccountState {
    module: String,
    account: String,
    /// Why it has none, for the operator: it may name a variable, a path or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<String>,
}

impl<'a> Greeting<'a> {
    /// What there is to say of `composed`, whose accounts were found like this; `running` is absent on stdio.
    pub(super) fn of(composed: &'a Composed, running: Option<&'a Running>, found: &Found) -> Self {
        let (mut accounts, mut not_looked_at) = (Vec::new(), 0);
        for module in composed.calls.registry().modules(&Caller::local()) {
            for account in &module.accounts {
                let (module, account) = (module.name.clone(), account.name.clone());
                let name = (module, account);
                let absent = match found.get(&name) {
                    Some(Err(BrokerError::Missing { source, .. })) => Some(source.message().to_owned()),
                    // A vault that is down says so in its own line.
                    Some(_) => None,
                    None => {
                        not_looked_at += 1;
                        continue;
                    }
                };
                accounts.push(AccountState { module: name.0, account: name.1, absent });
            }
        }
        Self { composed, running, accounts, not_looked_at }
    }

    /// Prints the address, as soon as there is one: the rest waits for the vaults.
    pub(super) fn print_address(running: &Running, output: Output) {
        if !output.is_json() {
            output.line(format_args!("http://{}/mcp", running.address));
        }
    }

    /// Prints the rest; with `--json` all of it.
    pub(super) fn print(&self, output: Output) {
        match output.is_json() {
            true => output.document(&self.document()),
            false => output.line(self.text(output)),
        }
    }

    /// The rest, for a person.
    pub(super) fn text(&self, output: Output) -> String {
        let mut lines = Vec::new();
        match self.running {
            Some(running) => {
                lines.push(format!("admin: http://{} (/readyz, /metrics)", running.admin_address));
            }
            None => lines.push("serving MCP on standard input and output".to_owned()),
        }
        let mut table = output.table(&["module", "vault", "state", "accounts"]);
        for status in self.composed.modules() {
            table.add_row([
                Cell::new(&status.entry.name).add_attribute(Attribute::Bold),
                Cell::new(&status.entry.vault),
                status.cell(),
                self.accounts_cell(&status),
            ]);
        }
        lines.push(keep_words(table).to_string());
        lines.extend(self.remedies());
        lines.extend(self.composed.warnings.iter().map(|warning| format!("! {warning}")));
        lines.extend(self.composed.calls.registry().broken().iter().map(|broken| format!("! {broken}")));
        if self.running.is_some_and(|running| !running.address.ip().is_loopback()) {
            lines.push(
                "! whoever reaches this port uses every account; a host elsewhere calls it by a name or address in \
                 `server.allowed_hosts`"
                    .to_owned(),
            );
        }
        if let (Some(http), Some(stdio)) = (self.http_snippet(), self.stdio_snippet()) {
            lines.push(
                "\nPaste into your MCP host, or let `cofferdam client-config HOST --write` do it:".to_owned(),
            );
            lines.push(format!("{http:#}\nor, for a host that starts the process itself:\n{stdio:#}"));
        }
        lines.join("\n")
    }

    fn accounts_cell(&self, status: &ModuleStatus<'_>) -> Cell {
        let text = status.accounts().join(", ");
        // Those of a refused manifest were not looked at: nobody knows what their credentials consist of.
        let Some(module) = status.module else { return Cell::new(text) };
        match self.accounts.iter().filter(|a| a.module == module.name && a.absent.is_some()).count() {
            0 => good(text),
            some => fair(format!("{text} ({some} without a credential)")),
        }
    }

    /// One line for each account without a credential, with what would give it one.
    fn remedies(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .accounts
            .iter()
            .filter_map(|a| Some(format!("! {}/{}: {}", a.module, a.account, a.absent.as_ref()?)))
            .collect();
        if self.not_looked_at > 0 {
            lines.push(format!(
                "  {} accounts were not looked at: there are many, each user has one, or they are made on demand",
                self.not_looked_at
            ));
        }
        lines
    }

    fn document(&self) -> Value {
        let vaults: Vec<Value> = self.composed.calls.broker().vaults().iter().map(vault_document).collect();
        json!({
            "mcp": self.running.map(|running| format!("http://{}/mcp", running.address)),
            "admin": self.running.map(|running| format!("http://{}", running.admin_address)),
            "profile": self.composed.profile,
            "vaults": vaults,
            "modules": self.composed.modules().map(|status| status.document()).collect::<Vec<_>>(),
            "accounts": self.accounts,
            "accounts_not_looked_at": self.not_looked_at,
            "warnings": self.composed.warnings,
            "manifest_problems": self.composed.calls.registry().broken(),
            "host": { "http": self.http_snippet(), "stdio": self.stdio_snippet() },
        })
    }

    /// What Claude Code takes, and every host that goes by the same keys.
    fn http_snippet(&self) -> Option<Value> {
        Some(Host::ClaudeCode.snippet(&Transport::http(self.running?.address)))
    }

    /// What every host takes that has `mcpServers`; nothing where the program's own path cannot be said.
    fn stdio_snippet(&self) -> Option<Value> {
        let transport = Transport::stdio(&self.composed.profile_anywhere).ok()?;
        Some(Host::ClaudeDesktop.snippet(&transport))
    }
}

fn vault_document(vault: &VaultStatus) -> Value {
    json!({
        "name": vault.name, "backend": vault.backend, "location": vault.location,
        "state": vault.state, "reason": vault.reason,
    })
}
