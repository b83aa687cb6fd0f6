//! The dispatch of a request to the compartment of the module's vault.

use std::collections::HashMap;
use std::sync::Arc;

use cofferdam_vault::{Scope, SecretPath, Vault, VaultError};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::binding::{Binding, ModuleBinding};
use super::compartment::{CacheKey, Compartment, CompartmentPolicy, CompartmentState};
use super::credential::Credential;
use super::error::BrokerError;
use super::status::VaultStatus;
use crate::caller::Caller;

/// One vault and the policy of its compartment.
#[derive(Debug)]
pub struct VaultParts {
    /// The vault's name in the profile.
    pub name: String,
    /// The policy of its compartment.
    pub policy: CompartmentPolicy,
    /// The vault. The compartment becomes its only owner.
    pub vault: Arc<dyn Vault>,
}

/// The Token Broker.
#[derive(Debug)]
pub struct Broker {
    /// In the order of the profile.
    compartments: Vec<Arc<Compartment>>,
    modules: HashMap<String, Binding>,
}

impl Broker {
    /// Puts each vault into a compartment of its own and binds the modules to them. Sends no request.
    ///
    /// A binding to a vault that is not among `vaults`, or with a name that cannot be part of a path, is a defect of the
    /// caller: the check of the profile rejects both. Such a binding is logged, and its module has no accounts.
    pub fn new(vaults: Vec<VaultParts>, modules: Vec<ModuleBinding>) -> Self {
        let compartments: Vec<_> = vaults
            .into_iter()
            .map(|parts| Arc::new(Compartment::new(parts.name, parts.policy, parts.vault)))
            .collect();
        let by_name: HashMap<&str, _> = compartments.iter().map(|c| (c.name(), c)).collect();
        let mut bindings = HashMap::with_capacity(modules.len());
        for module in modules {
            let Some(compartment) = by_name.get(module.vault.as_str()) else {
                tracing::error!(module = %module.module, vault = %module.vault, "the vault of a module does not exist");
                continue;
            };
            match Binding::new(Arc::clone(compartment), &module) {
                Ok(binding) => {
                    bindings.insert(module.module, binding);
                }
                Err(error) => {
                    tracing::error!(module = %module.module, %error, "a module has no path in its vault")
                }
            }
        }
        Self { compartments, modules: bindings }
    }

    /// Probes every vault concurrently, each within its attempt timeout, so that a first status is known. Starts the
    /// recovery of those that are down.
    pub async fn start(&self) {
        join_all(self.compartments.iter().map(|compartment| compartment.start())).await;
    }

    /// Loads the credentials that all users share into the cache: each vault within its own deadline, and in batches if it
    /// supports them. Returns how each account was found.
    ///
    /// Some accounts are not read and not part of the result: those with a credential per user, those whose read creates a
    /// lease, and those beyond the bound. Call this after [`Broker::start`], so that a vault that is down is not asked.
    pub async fn prefetch(&self) -> HashMap<(String, String), Result<(), BrokerError>> {
        let found = join_all(self.compartments.iter().map(async |compartment| {
            let keys: Vec<Arc<CacheKey>> = self
                .modules
                .values()
                .filter(|binding| Arc::ptr_eq(&binding.compartment, compartment))
                .flat_map(Binding::shared_keys)
                .map(Arc::clone)
                .collect();
            let results = compartment.prefetch(&keys).await;
            let found = keys.into_iter().zip(results).filter_map(|(key, result)| {
                let (module, account) = (key.module.to_string(), key.account.to_string());
                let result = result?.map_err(|error| broker_error(compartment, &module, &account, error));
                Some(((module, account), result))
            });
            found.collect::<Vec<_>>()
        }));
        found.await.into_iter().flatten().collect()
    }

    /// Returns the credential of `account` of `module` for `caller`.
    ///
    /// If the vault is unreachable, or slower than `deadline`, this is a cached credential that may still be served.
    ///
    /// # Errors
    ///
    /// See [`BrokerError`]. Returns within `deadline`.
    pub async fn credential(
        &self,
        caller: &Caller,
        module: &str,
        account: &str,
        deadline: Instant,
    ) -> Result<Arc<Credential>, BrokerError> {
        let (compartment, key) = self.locate(caller, module, account)?;
        compartment
            .resolve(&key, deadline)
            .await
            .map_err(|error| broker_error(compartment, module, account, error))
    }

    /// Returns what to try after the service rejected `rejected`: the secret read again if it has changed, else its previous
    /// state if the store has one. `None` if there is nothing else to try, or the vault cannot answer.
    ///
    /// Reads the vault at most once per secret version and `reject_interval`, however many calls ask. A read that fails
    /// because of the vault does not count.
    ///
    /// # Errors
    ///
    /// `Missing` if the secret is gone, denied or malformed by now.
    pub async fn after_rejection(
        &self,
        caller: &Caller,
        rejected: &Credential,
        deadline: Instant,
    ) -> Result<Option<Arc<Credential>>, BrokerError> {
        let (module, account) = (&rejected.module, &rejected.account);
        let (compartment, key) = self.locate(caller, module, account)?;
        compartment
            .after_rejection(&key, rejected, deadline)
            .await
            .map_err(|error| broker_error(compartment, module, account, error))
    }

    /// The status of every vault, in the order of the profile.
    pub fn vaults(&self) -> Vec<VaultStatus> {
        self.compartments.iter().map(|compartment| VaultStatus::new(compartment)).collect()
    }

    /// The status of the vault of `module`. `None` for a module without a binding.
    pub fn module_vault(&self, module: &str) -> Option<VaultStatus> {
        self.modules.get(module).map(|binding| VaultStatus::new(&binding.compartment))
    }

    /// The maximum number of concurrent requests to all vaults together.
    pub fn max_requests(&self) -> usize {
        self.compartments.iter().map(|compartment| compartment.max_requests()).fold(0, usize::saturating_add)
    }

    /// The number of modules.
    pub fn modules(&self) -> usize {
        self.modules.len()
    }

    /// The vault of a module and its path for an account, for commands that write secrets (`secret set`).
    ///
    /// Requests to this vault bypass the compartment: such a command serves one person and needs the store's own response.
    pub fn store(
        &self,
        caller: &Caller,
        module: &str,
        account: &str,
    ) -> Option<(Arc<dyn Vault>, SecretPath)> {
        let (compartment, key) = self.locate(caller, module, account).ok()?;
        Some((Arc::clone(compartment.vault()), key.path.clone()))
    }

    /// The vault `name`, for commands about vaults (`doctor`, `secret copy`). Requests to it bypass the compartment.
    pub fn vault(&self, name: &str) -> Option<Arc<dyn Vault>> {
        let found = self.compartments.iter().find(|compartment| compartment.name() == name)?;
        Some(Arc::clone(found.vault()))
    }

    /// Closes every compartment within its deadline: ends recoveries, lets running reads finish, releases leases and closes
    /// the vault.
    pub async fn close(&self) {
        join_all(self.compartments.iter().map(|compartment| compartment.close())).await;
    }

    /// The compartment and the key of an account.
    fn locate(
        &self,
        caller: &Caller,
        module: &str,
        account: &str,
    ) -> Result<(&Arc<Compartment>, Arc<CacheKey>), BrokerError> {
        let unknown =
            || BrokerError::UnknownAccount { module: module.to_owned(), account: account.to_owned() };
        let binding = self.modules.get(module).ok_or_else(unknown)?;
        let key = binding.key(account, caller).ok_or_else(unknown)?;
        Ok((&binding.compartment, key))
    }
}

/// Turns the vault's error into the broker's: the secret is missing, or the vault is unavailable.
fn broker_error(compartment: &Compartment, module: &str, account: &str, source: VaultError) -> BrokerError {
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
    let circuit_open = status.state != CompartmentState::Ready;
    BrokerError::Unavailable {
        vault,
        since: circuit_open.then_some(status.since),
        retry_after: source.retry_after().or(circuit_open.then(|| compartment.probe_interval())),
        source,
    }
}
