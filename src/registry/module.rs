//! A module: a manifest with the accounts that a profile gives it, ready to be called.

use std::collections::HashMap;
use std::sync::Arc;

use crate::connectors::WorkerPool;
use crate::connectors::http::{Endpoint, Service};
use crate::manifest::{Manifest, ManifestProblem, Tool};
use crate::profile::{AccountEntry, ModuleEntry};

/// A module as this process runs it: its manifest, and the accounts that the profile gives it.
#[derive(Debug)]
pub struct Module {
    /// Its name in the profile; two modules may share one manifest.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// One line on what it is for.
    pub description: String,
    /// The address that the manifest's facts come from, where it says so.
    pub source: Option<String>,
    /// The accounts, the default first. Never empty.
    pub accounts: Vec<Account>,
    /// The service behind it.
    pub service: Service,
    /// Its tools in the manifest's order.
    pub tools: Vec<Arc<Tool>>,
    /// Where in `tools` a name stands; shared by the modules of one manifest.
    tool_index: Arc<HashMap<String, usize>>,
}

impl Module {
    /// The module `entry` of the profile with its manifest.
    ///
    /// # Errors
    ///
    /// If an account has no `base_url`.
    pub(super) fn new(entry: &ModuleEntry, manifest: &Manifest) -> Result<Self, ManifestProblem> {
        let account = |account: &AccountEntry| {
            let of_profile = account.base_url.as_ref().or(entry.base_url.as_ref());
            let Some(base_url) = of_profile.or_else(|| manifest.http.base_url()) else {
                let message =
                    format!("has no address of its own, and the account `{}` none either", account.name);
                let remedy =
                    "write `base_url = \"https://…\"` in the profile, for the module or for each account";
                return Err(ManifestProblem::whole(message, remedy));
            };
            Ok(Account {
                name: account.name.clone(),
                endpoint: Endpoint { base_url: base_url.clone(), insecure_http: entry.insecure_http },
            })
        };
        Ok(Self {
            name: entry.name.clone(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            source: manifest.source.clone(),
            accounts: entry.accounts.iter().map(account).collect::<Result<_, _>>()?,
            service: Service {
                title: manifest.title.clone(),
                settings: Arc::clone(&manifest.http),
                credential: manifest.credential.clone(),
                workers: WorkerPool::new(&entry.name),
            },
            tools: manifest.tools.clone(),
            tool_index: Arc::clone(&manifest.tool_index),
        })
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
    /// Where its service is: the account's own address, else the module's, else the manifest's.
    pub endpoint: Endpoint,
}
