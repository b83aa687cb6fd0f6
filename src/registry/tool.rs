//! A module and its tools, checked and ready to be called.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::connectors::http::{Endpoint, Operation, Service};

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
    pub(crate) tool_index: Arc<HashMap<String, usize>>,
}

impl Module {
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

/// One operation of a module.
#[derive(Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for a model.
    pub description: String,
    /// What a call of it does.
    pub operation: Arc<Operation>,
    /// What is kept of an answer.
    pub select: Option<jmespath::Expression<'static>>,
    /// Whether a caller may ask for the whole answer; where not, nothing but what is selected ever leaves.
    pub full: bool,
    /// Compiled on first use; an error where the schema cannot be, which the manifest's check should have found.
    pub(crate) validator: OnceLock<Result<jsonschema::Validator, String>>,
}
