//! The Token Broker: (caller, module, account) in, a credential out, through the module's compartment.
//!
//! The broker knows nothing of MCP, HTTP or any concrete store. Everything that can fail in a vault is walled
//! off in that vault's [`compartment`]; nothing is shared between two of them.

pub mod backends;
pub mod compartment;
mod credential;
mod error;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

pub use compartment::{CompartmentState, Walls};
pub use credential::{Credential, CredentialSpec, CredentialTemplate};
pub use error::BrokerError;

use crate::access::Caller;
use cofferdam_vault::Vault;

/// One vault and the settings of the walls around it.
#[derive(Debug)]
pub struct VaultParts {
    /// The vault's name in the profile.
    pub name: String,
    /// The walls' settings.
    pub walls: Walls,
    /// The vault itself; the compartment is its only owner.
    pub vault: Arc<dyn Vault>,
}

/// Which vault a module's credentials come from, and where they lie in it.
#[derive(Debug, Clone)]
pub struct ModuleBinding {
    /// The module's name.
    pub module: String,
    /// The vault's name.
    pub vault: String,
    /// The accounts by name, the default first. Never empty.
    pub accounts: Vec<String>,
    /// `{module}/{account}`, or with `{user}` where every user brings a credential.
    pub path: String,
    /// What the credential needs, and how it goes onto a request.
    pub credential: CredentialSpec,
}

/// How a vault is, for people and for health routes.
#[derive(Debug, Clone)]
pub struct VaultStatus {
    /// The vault's name.
    pub name: String,
    /// The backend's name.
    pub backend: &'static str,
    /// Where the store is; safe to print, but not for the model.
    pub location: String,
    /// Ready, degraded or down.
    pub state: CompartmentState,
    /// Why it is not ready, for an operator.
    pub reason: Option<String>,
    /// When it came into this state.
    pub since: SystemTime,
}

/// The Token Broker.
#[derive(Debug)]
pub struct Broker {}

impl Broker {
    /// Puts each vault into a compartment of its own and binds the modules to them.
    ///
    /// Touches no vault. A binding whose vault is not among `vaults` is a programming error of the composition;
    /// the profile's check has refused it before.
    pub fn new(vaults: Vec<VaultParts>, modules: Vec<ModuleBinding>) -> Self {
        todo!()
    }

    /// Probes every vault at once, each within its own attempt time-out, so that a first status can be shown.
    /// Starts the recovery of those that are down. Never fails.
    pub async fn start(&self) {
        todo!()
    }

    /// The credential of `account` of `module` for `caller`.
    ///
    /// # Errors
    ///
    /// See [`BrokerError`]; all of them within `deadline`.
    pub async fn credential(
        &self,
        caller: &Caller,
        module: &str,
        account: &str,
        deadline: Instant,
    ) -> Result<Arc<Credential>, BrokerError> {
        todo!()
    }

    /// What to try after the service rejected `rejected`: the secret read anew if it has changed, then its previous
    /// state where the store has one; `None` when there is nothing else to try.
    ///
    /// Reads the vault at most once per secret version and `reject_interval`, however many calls ask.
    ///
    /// # Errors
    ///
    /// See [`BrokerError`].
    pub async fn after_rejection(
        &self,
        caller: &Caller,
        rejected: &Credential,
        deadline: Instant,
    ) -> Result<Option<Arc<Credential>>, BrokerError> {
        todo!()
    }

    /// How every vault is, in the profile's order.
    pub fn vaults(&self) -> Vec<VaultStatus> {
        todo!()
    }

    /// How the vault of `module` is; `None` for a module without a binding.
    pub fn module_vault(&self, module: &str) -> Option<VaultStatus> {
        todo!()
    }

    /// The vault of a module with its path for an account, for commands that write secrets (`secret set`).
    ///
    /// Returns the compartment's vault itself: such a command is one person's, and wants the store's own answer.
    pub fn store(
        &self,
        caller: &Caller,
        module: &str,
        account: &str,
    ) -> Option<(Arc<dyn Vault>, cofferdam_vault::SecretPath)> {
        todo!()
    }

    /// Ends the recoveries and closes every vault, bounded by each one's deadline.
    pub async fn close(&self) {
        todo!()
    }
}
