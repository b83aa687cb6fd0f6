//! The modules of the profile with their state, including those that could not be loaded.

use std::sync::Arc;

use cofferdam_config::suggestions::list;
use cofferdam_config::{quote, text};
use comfy_table::Cell;
use serde_json::{Value, json};

use super::compose::App;
use super::exit::CommandError;
use super::hint;
use super::table::{green, red, yellow};
use crate::broker::{CompartmentState, VaultStatus};
use crate::caller::Caller;
use crate::profile::ModuleEntry;
use crate::registry::{BrokenManifest, Module};

/// A module of the profile, as its operator sees it.
#[derive(Debug)]
pub(super) struct ModuleStatus<'a> {
    /// The module's entry in the profile.
    pub(super) entry: &'a ModuleEntry,
    /// The loaded module, or `None` if its manifest cannot be used.
    pub(super) module: Option<&'a Arc<Module>>,
    /// The status of its vault, or `None` if its manifest cannot be used.
    vault: Option<VaultStatus>,
    broken: Option<&'a BrokenManifest>,
    profile: &'a str,
}

impl App {
    /// Returns every module, in the order of the profile.
    pub(super) fn modules(&self) -> impl Iterator<Item = ModuleStatus<'_>> {
        let (registry, broker) = (self.calls.registry(), self.calls.broker());
        self.entries.iter().map(move |entry| ModuleStatus {
            entry,
            module: registry.module(&Caller::local(), &entry.name),
            vault: broker.module_vault(&entry.name),
            broken: registry.broken_module(&entry.name),
            profile: &self.profile,
        })
    }

    /// Returns the module `name`, loaded or not.
    ///
    /// # Errors
    ///
    /// Returns a usage error that lists the modules of the profile if it has no module of that name.
    pub(super) fn module(&self, name: &str) -> Result<ModuleStatus<'_>, CommandError> {
        self.modules().find(|status| status.entry.name == name).ok_or_else(|| {
            CommandError::usage(
                text!("the profile `{}` has no module {}", quote::name(&self.profile), quote::string(name)),
                text!(
                    "its modules are {}; choose another profile with `--profile`",
                    list(self.entries.iter().map(|entry| entry.name.as_str()))
                ),
            )
        })
    }
}

impl<'a> ModuleStatus<'a> {
    /// Returns the loaded module.
    ///
    /// # Errors
    ///
    /// Returns the problems of its manifest, with file and line, if the module could not be loaded.
    pub(super) fn loaded(&self) -> Result<&'a Arc<Module>, CommandError> {
        self.module.ok_or_else(|| {
            let problems = self.broken.map(|broken| text!(":\n{broken}")).unwrap_or_default();
            CommandError::failure(
                text!("module `{}` cannot be loaded{problems}", quote::name(&self.entry.name)),
                text!(
                    "fix what is listed, and check it with {}",
                    hint::command(self.profile, "profile check")
                ),
            )
        })
    }

    /// Returns the names of the accounts, the default account first.
    pub(super) fn accounts(&self) -> Vec<&str> {
        self.entry.accounts.iter().map(|account| account.name.as_str()).collect()
    }

    /// Returns a table cell with the state and its reason. The problems of a manifest are too long for a cell.
    pub(super) fn cell(&self) -> Cell {
        if self.broken.is_some() {
            return red("down: cannot be loaded");
        }
        let Some(vault) = &self.vault else { return red("no vault") };
        let reason = vault.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let text = format!("{}{reason}", vault.state);
        match vault.state {
            CompartmentState::Ready => green(text),
            CompartmentState::Degraded => yellow(text),
            CompartmentState::Down => red(text),
        }
    }

    /// Returns name, vault, state, reason and accounts as JSON.
    pub(super) fn document(&self) -> Value {
        let broken = self.broken.map(|broken| format!("cannot be loaded: {broken}"));
        json!({
            "name": self.entry.name,
            "vault": self.entry.vault,
            "state": self.vault.as_ref().map_or(CompartmentState::Down, |vault| vault.state),
            "reason": broken.as_ref().or(self.vault.as_ref().and_then(|vault| vault.reason.as_ref())),
            "accounts": self.accounts(),
        })
    }
}
