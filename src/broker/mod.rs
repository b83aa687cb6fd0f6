//! The Token Broker: (caller, module, account) in, a credential out, through the module's compartment.
//!
//! The broker knows nothing of MCP, HTTP or any concrete store. Everything that can fail in a vault is walled
//! off in that vault's [`compartment`]; nothing is shared between two of them.

pub mod backends;
pub mod compartment;
mod credential;
mod error;
mod template;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use cofferdam_vault::{FieldName, InvalidName, Scope, SecretPath, Vault, VaultError};
use futures_util::future::join_all;
use tokio::time::Instant;

use self::compartment::{Compartment, Wanted};
pub use self::compartment::{CompartmentState, Walls};
pub use self::credential::{Credential, CredentialSpec, CredentialTemplate};
pub use self::error::BrokerError;
pub use self::template::{AccountPath, InvalidTemplate, PathTemplate, UserPath};
use crate::caller::Caller;

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
    /// Where the secrets of its accounts are stored in the vault.
    pub path: PathTemplate,
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
pub struct Broker {
    /// In the profile's order.
    compartments: Vec<Arc<Compartment>>,
    modules: HashMap<String, Binding>,
}

/// A module's compartment, and what is read from it for each account.
#[derive(Debug)]
struct Binding {
    compartment: Arc<Compartment>,
    accounts: HashMap<String, Target>,
}

/// What is read for an account.
#[derive(Debug)]
enum Target {
    /// The same for every user, made once: a call that hits the cache allocates nothing.
    Shared(Arc<Wanted>),
    /// Another one for each user.
    PerUser { path: UserPath, module: Arc<str>, account: Arc<str>, fields: Arc<[FieldName]> },
}

impl Broker {
    /// Puts each vault into a compartment of its own and binds the modules to them.
    ///
    /// Touches no vault. A binding whose vault is not among `vaults`, or whose names fit no path, is a programming error
    /// of the composition; the profile's check has refused it before. Here it is logged, and its module has no account.
    pub fn new(vaults: Vec<VaultParts>, modules: Vec<ModuleBinding>) -> Self {
        let compartments: Vec<_> =
            vaults.into_iter().map(|parts| Compartment::new(parts.name, parts.walls, parts.vault)).collect();
        let by_name: HashMap<&str, _> = compartments.iter().map(|c| (c.name(), c)).collect();
        let mut bindings = HashMap::with_capacity(modules.len());
        for module in modules {
            let Some(compartment) = by_name.get(module.vault.as_str()) else {
                tracing::error!(module = %module.module, vault = %module.vault, "no such vault");
                continue;
            };
            match Binding::new(Arc::clone(compartment), &module) {
                Ok(binding) => {
                    bindings.insert(module.module, binding);
                }
                Err(error) => tracing::error!(module = %module.module, %error, "no path for its secrets"),
            }
        }
        Self { compartments, modules: bindings }
    }

    /// Probes every vault at once, each within its own attempt time-out, so that a first status can be shown.
    /// Starts the recovery of those that are down. Never fails.
    pub async fn start(&self) {
        join_all(self.compartments.iter().map(|compartment| compartment.start())).await;
    }

    /// Reads the credentials that all users share into memory, those of each vault within its own deadline, in batches
    /// where it can; answers how each account that was looked at was found. Not looked at are accounts of which
    /// every user has one, those whose credentials are made when they are read, and those that are too many.
    ///
    /// Best after [`Broker::start`]: a vault that is down is then not asked.
    pub async fn warm_up(&self) -> HashMap<(String, String), Result<(), BrokerError>> {
        let found = join_all(self.compartments.iter().map(async |compartment| {
            let shared: Vec<Arc<Wanted>> = self
                .modules
                .values()
                .filter(|binding| Arc::ptr_eq(&binding.compartment, compartment))
                .flat_map(|binding| binding.accounts.values())
                .filter_map(|target| match target {
                    Target::Shared(wanted) => Some(Arc::clone(wanted)),
                    Target::PerUser { .. } => None,
                })
                .collect();
            let answers = compartment.warm_up(&shared).await;
            let found = shared.into_iter().zip(answers).filter_map(|(wanted, answer)| {
                let (module, account) = (wanted.module.to_string(), wanted.account.to_string());
                let answer = answer?.map_err(|error| failure(compartment, &module, &account, error));
                Some(((module, account), answer))
            });
            found.collect::<Vec<_>>()
        }));
        found.await.into_iter().flatten().collect()
    }

    /// The credential of `account` of `module` for `caller`.
    ///
    /// With the vault out of reach, or slower than `deadline`, this is a cached one that may still be served.
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
        let (compartment, wanted) = self.target(caller, module, account)?;
        compartment
            .resolve(&wanted, deadline)
            .await
            .map_err(|error| failure(compartment, module, account, error))
    }

    /// What to try after the service rejected `rejected`: the secret read anew if it has changed, then its previous
    /// state where the store has one; `None` when there is nothing else to try, a vault that cannot answer included.
    ///
    /// Reads the vault at most once per secret version and `reject_interval`, however many calls ask. A re-read that
    /// the vault failed does not count.
    ///
    /// # Errors
    ///
    /// `Missing` where the secret is gone, denied or malformed by now.
    pub async fn after_rejection(
        &self,
        caller: &Caller,
        rejected: &Credential,
        deadline: Instant,
    ) -> Result<Option<Arc<Credential>>, BrokerError> {
        let (module, account) = (&rejected.module, &rejected.account);
        let (compartment, wanted) = self.target(caller, module, account)?;
        compartment
            .after_rejection(&wanted, rejected, deadline)
            .await
            .map_err(|error| failure(compartment, module, account, error))
    }

    /// How every vault is, in the profile's order.
    pub fn vaults(&self) -> Vec<VaultStatus> {
        self.compartments.iter().map(|compartment| vault_status(compartment)).collect()
    }

    /// How the vault of `module` is; `None` for a module without a binding.
    pub fn module_vault(&self, module: &str) -> Option<VaultStatus> {
        self.modules.get(module).map(|binding| vault_status(&binding.compartment))
    }

    /// The vault of a module with its path for an account, for commands that write secrets (`secret set`).
    ///
    /// Returns the compartment's vault itself: such a command is one person's, and wants the store's own answer.
    pub fn store(
        &self,
        caller: &Caller,
        module: &str,
        account: &str,
    ) -> Option<(Arc<dyn Vault>, SecretPath)> {
        let (compartment, wanted) = self.target(caller, module, account).ok()?;
        Some((Arc::clone(compartment.vault()), wanted.path.clone()))
    }

    /// The vault `name` itself, for commands that look at vaults as such (`doctor`, `secret copy`).
    pub fn vault(&self, name: &str) -> Option<Arc<dyn Vault>> {
        let found = self.compartments.iter().find(|compartment| compartment.name() == name)?;
        Some(Arc::clone(found.vault()))
    }

    /// Ends the recoveries, lets running reads finish and closes every vault, bounded by each one's deadline.
    pub async fn close(&self) {
        join_all(self.compartments.iter().map(|compartment| compartment.close())).await;
    }

    fn target(
        &self,
        caller: &Caller,
        module: &str,
        account: &str,
    ) -> Result<(&Arc<Compartment>, Arc<Wanted>), BrokerError> {
        let unknown =
            || BrokerError::UnknownAccount { module: module.to_owned(), account: account.to_owned() };
        let binding = self.modules.get(module).ok_or_else(unknown)?;
        let target = binding.accounts.get(account).ok_or_else(unknown)?;
        Ok((&binding.compartment, target.wanted(caller)))
    }
}

impl Binding {
    fn new(compartment: Arc<Compartment>, binding: &ModuleBinding) -> Result<Self, InvalidName> {
        let module: Arc<str> = binding.module.as_str().into();
        let fields: Arc<[FieldName]> = binding.credential.fields().into();
        let mut accounts = HashMap::with_capacity(binding.accounts.len());
        for name in &binding.accounts {
            let account: Arc<str> = name.as_str().into();
            let (module, fields) = (Arc::clone(&module), Arc::clone(&fields));
            let target = match binding.path.for_account(&module, &account)? {
                AccountPath::PerUser(path) => Target::PerUser { path, module, account, fields },
                AccountPath::Shared(path) => {
                    Target::Shared(Arc::new(Wanted { path, module, account, fields }))
                }
            };
            accounts.insert(name.clone(), target);
        }
        Ok(Self { compartment, accounts })
    }
}

impl Target {
    fn wanted(&self, caller: &Caller) -> Arc<Wanted> {
        match self {
            Self::Shared(wanted) => Arc::clone(wanted),
            Self::PerUser { path, module, account, fields } => Arc::new(Wanted {
                path: path.for_caller(caller),
                module: Arc::clone(module),
                account: Arc::clone(account),
                fields: Arc::clone(fields),
            }),
        }
    }
}

fn vault_status(compartment: &Compartment) -> VaultStatus {
    let info = compartment.vault().info();
    let status = compartment.status();
    VaultStatus {
        name: compartment.name().to_owned(),
        backend: info.backend,
        location: info.location.clone(),
        state: status.state,
        reason: status.reason,
        since: status.since,
    }
}

/// The vault's error as the broker's: the vault is at fault, or this one secret.
fn failure(compartment: &Compartment, module: &str, account: &str, source: VaultError) -> BrokerError {
    let vault = compartment.name().to_owned();
    if source.scope() == Scope::Secret {
        return BrokerError::Missing {
            vault,
            module: module.to_owned(),
            account: account.to_owned(),
            source,
        };
    }
    let status = compartment.status();
    let given_up = status.state != CompartmentState::Ready;
    BrokerError::Unavailable {
        vault,
        since: given_up.then_some(status.since),
        retry_after: source.retry_after().or(given_up.then(|| compartment.probe_interval())),
        source,
    }
}
