//! Every module of the profile and how it is, those whose manifest was refused too.

use std::sync::Arc;

use comfy_table::Cell;
use serde_json::{Value, json};

use super::compose::Composed;
use super::exit::Failure;
use super::output::{bad, fair, good};
use crate::broker::{CompartmentState, VaultStatus};
use crate::caller::Caller;
use crate::names::listed;
use crate::profile::ModuleEntry;
use crate::registry::{BrokenManifest, Module};

/// A module as its operator sees it.
#[derive(Debug)]
pub(super) struct ModuleStatus<'a> {
    /// What the profile says of it.
    pub(super) entry: &'a ModuleEntry,
    /// What it offers; nothing where its manifest was refused.
    pub(super) module: Option<&'a Arc<Module>>,
    /// How its vault is; nothing where its manifest was refused.
    vault: Option<VaultStatus>,
    refused: Option<&'a BrokenManifest>,
}

impl Composed {
    /// Every module, in the profile's order.
    pub(super) fn modules(&self) -> impl Iterator<Item = ModuleStatus<'_>> {
        let (registry, broker) = (self.calls.registry(), self.calls.broker());
        self.entries.iter().map(move |entry| ModuleStatus {
            entry,
            module: registry.module(&Caller::local(), &entry.name),
            vault: broker.module_vault(&entry.name),
            refused: registry.refused(&entry.name),
        })
    }

    /// The module `name`, however it is.
    ///
    /// # Errors
    ///
    /// A usage failure that lists the profile's modules, where it has none of that name.
    pub(super) fn module(&self, name: &str) -> Result<ModuleStatus<'_>, Failure> {
        self.modules().find(|status| status.entry.name == name).ok_or_else(|| {
            Failure::usage(
                format!("the profile `{}` has no module `{}`", self.profile, name.escape_debug()),
                format!(
                    "its modules are: {}; `--profile` names another profile",
                    listed(self.entries.iter().map(|entry| entry.name.as_str()))
                ),
            )
        })
    }
}

impl<'a> ModuleStatus<'a> {
    /// What the module offers.
    ///
    /// # Errors
    ///
    /// What is wrong with its manifest, with file and line, where that was refused.
    pub(super) fn offer(&self) -> Result<&'a Arc<Module>, Failure> {
        self.module.ok_or_else(|| {
            let why = self.refused.map(|broken| format!(", because its manifest was refused:\n{broken}"));
            Failure::bad(
                format!("module `{}` is down{}", self.entry.name, why.unwrap_or_default()),
                "mend the manifest, and try again; `cofferdam profile check` looks at all of them",
            )
        })
    }

    /// The accounts' names, the default first.
    pub(super) fn accounts(&self) -> Vec<&str> {
        self.entry.accounts.iter().map(|account| account.name.as_str()).collect()
    }

    /// The state with the reason, in its colour. What is wrong with a manifest has no room here, and is told beside.
    pub(super) fn cell(&self) -> Cell {
        if self.refused.is_some() {
            return bad("down: its manifest was refused");
        }
        let Some(vault) = &self.vault else { return bad("no vault") };
        let reason = vault.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let text = format!("{}{reason}", vault.state);
        match vault.state {
            CompartmentState::Ready => good(text),
            CompartmentState::Degraded => fair(text),
            CompartmentState::Down => bad(text),
        }
    }

    /// Name, vault, state, reason and accounts for a program.
    pub(super) fn document(&self) -> Value {
        let refused = self.refused.map(|broken| format!("its manifest was refused: {broken}"));
        json!({
            "name": self.entry.name,
            "vault": self.entry.vault,
            "state": self.vault.as_ref().map_or(CompartmentState::Down, |vault| vault.state),
            "reason": refused.as_ref().or(self.vault.as_ref().and_then(|vault| vault.reason.as_ref())),
            "accounts": self.accounts(),
        })
    }
}
