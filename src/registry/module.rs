//! A module: a manifest with the accounts that a profile gives it, ready to be called.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cofferdam_config::suggestions::list;
use cofferdam_config::{Diagnostic, Diagnostics, text};
use tokio::sync::Semaphore;

use crate::connectors::http::{Clients, Endpoint, Service};
use crate::connectors::{CallLimits, WorkerPool};
use crate::manifest::{Manifest, Tool};
use crate::profile::ModuleEntry;

/// A module: its manifest, and the accounts that the profile gives it.
#[derive(Debug)]
pub struct Module {
    /// Its name in the profile. Several modules may share a manifest.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// What it is for, in one line.
    pub description: String,
    /// The address of the documentation that the manifest's facts come from.
    pub source: Option<String>,
    /// The accounts, the default first. Never empty.
    pub accounts: Vec<Account>,
    /// The service behind it.
    pub service: Service,
    /// The limits on its calls: the profile's, else the manifest's.
    pub limits: CallLimits,
    /// One permit for each of its calls that may run at once. A service that hangs uses these up, and nothing that
    /// another module needs, of the same manifest or not.
    pub(crate) permits: Semaphore,
    /// Its tools, in the manifest's order, without those that the profile leaves out.
    pub tools: Vec<Arc<Tool>>,
    /// The index in `tools` of each name. Modules of one manifest with all of its tools share it.
    tool_index: Arc<HashMap<String, usize>>,
}

impl Module {
    /// The module `entry` of the profile with its manifest.
    ///
    /// # Errors
    ///
    /// The accounts that have no `base_url`: neither their own, nor the module's, nor the manifest's.
    pub(super) fn new(entry: &ModuleEntry, manifest: &Manifest) -> Result<Self, Diagnostics> {
        let mut accounts = Vec::with_capacity(entry.accounts.len());
        let mut missing = Vec::new();
        for account in &entry.accounts {
            let of_profile = account.base_url.as_ref().or(entry.base_url.as_ref());
            match of_profile.or_else(|| manifest.http.base_url()) {
                Some(base_url) => accounts.push(Account {
                    name: account.name.clone(),
                    endpoint: Endpoint { base_url: base_url.clone(), insecure_http: entry.insecure_http },
                }),
                None => missing.push(account.name.as_str()),
            }
        }
        if !missing.is_empty() {
            return Err(missing_base_url(&entry.name, &missing).into());
        }
        let of_manifest = manifest.http.call_limits();
        let limits = CallLimits {
            in_flight: entry.in_flight.unwrap_or(of_manifest.in_flight),
            queue: entry.queue.unwrap_or(of_manifest.queue),
            ..of_manifest
        };
        let (tools, tool_index) = tools(entry, manifest);
        let permits = usize::try_from(limits.in_flight).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Ok(Self {
            name: entry.name.clone(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            source: manifest.source.clone(),
            accounts,
            service: Service {
                title: manifest.title.clone(),
                settings: Arc::clone(&manifest.http),
                credential: manifest.credential.clone(),
                clients: Clients::new(&entry.name, entry.lookups.unwrap_or(manifest.http.lookups())),
                workers: WorkerPool::new(&entry.name),
            },
            limits,
            permits: Semaphore::new(permits),
            tools,
            tool_index,
        })
    }

    /// The most calls of it that run at once, each with a connection to the service.
    pub fn max_calls(&self) -> usize {
        usize::try_from(self.limits.in_flight).unwrap_or(usize::MAX)
    }

    /// The most files that it has open beside those of its running calls: idle connections to the addresses of its accounts,
    /// and look-ups of names.
    pub fn max_idle_files(&self) -> usize {
        let origins: HashSet<_> =
            self.accounts.iter().map(|account| account.endpoint.base_url.origin()).collect();
        self.service.clients.max_idle_files(origins.len(), self.max_calls())
    }

    /// The tool `name`.
    pub fn tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.get(*self.tool_index.get(name)?)
    }

    /// The account `name`.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }
}

/// One account of a module.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// The service's endpoint: the account's own address, else the module's, else the manifest's.
    pub endpoint: Endpoint,
}

/// The tools that `entry` leaves of its manifest, and the index of each name.
fn tools(entry: &ModuleEntry, manifest: &Manifest) -> (Vec<Arc<Tool>>, Arc<HashMap<String, usize>>) {
    if entry.tools.admits_all() {
        return (manifest.tools.clone(), Arc::clone(&manifest.tool_index));
    }
    let admits = |tool: &&Arc<Tool>| entry.tools.admits(&tool.name, tool.operation.effects.side_effect);
    let tools: Vec<_> = manifest.tools.iter().filter(admits).cloned().collect();
    let index = tools.iter().enumerate().map(|(at, tool)| (tool.name.clone(), at)).collect();
    (tools, Arc::new(index))
}

/// The profile has no address for these accounts, and the manifest has none either.
fn missing_base_url(module: &str, accounts: &[&str]) -> Diagnostic {
    Diagnostic::error(
        format!("modules.{module}"),
        text!("needs a `base_url` for {}, because its manifest has none", list(accounts.iter().copied())),
        "add base_url = \"https://…\" in the profile, to the module or to each account",
    )
}
