//! The binding of a module: which vault its credentials come from, and under which key.

use std::collections::HashMap;
use std::sync::Arc;

use cofferdam_vault::{FieldName, InvalidName};

use super::compartment::{CacheKey, Compartment};
use super::credential::CredentialSpec;
use super::template::{AccountPath, PathTemplate, UserPath};
use crate::caller::Caller;

/// Which vault a module's credentials come from, and where they are stored in it.
#[derive(Debug, Clone)]
pub struct ModuleBinding {
    /// The module's name.
    pub module: String,
    /// The vault's name.
    pub vault: String,
    /// The accounts by name, the default first. Never empty.
    pub accounts: Vec<String>,
    /// Where the secrets of the accounts are stored in the vault.
    pub path: PathTemplate,
    /// What the credential consists of, and how it is applied to a request.
    pub credential: CredentialSpec,
}

/// A module's compartment, and the keys of its accounts.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) compartment: Arc<Compartment>,
    accounts: HashMap<String, AccountKey>,
}

/// The key of an account's secret.
#[derive(Debug)]
enum AccountKey {
    /// The same for every user. It is made once, so that a cache hit does not allocate.
    Shared(Arc<CacheKey>),
    /// A different one for each user.
    PerUser { path: UserPath, module: Arc<str>, account: Arc<str>, fields: Arc<[FieldName]> },
}

impl Binding {
    /// Binds a module to the compartment of its vault.
    ///
    /// # Errors
    ///
    /// If the name of the module or of an account cannot be part of a path.
    pub(super) fn new(compartment: Arc<Compartment>, binding: &ModuleBinding) -> Result<Self, InvalidName> {
        let module: Arc<str> = binding.module.as_str().into();
        let fields: Arc<[FieldName]> = binding.credential.fields().into();
        let mut accounts = HashMap::with_capacity(binding.accounts.len());
        for name in &binding.accounts {
            let account: Arc<str> = name.as_str().into();
            let (module, fields) = (Arc::clone(&module), Arc::clone(&fields));
            let key = match binding.path.for_account(&module, &account)? {
                AccountPath::PerUser(path) => AccountKey::PerUser { path, module, account, fields },
                AccountPath::Shared(path) => {
                    AccountKey::Shared(Arc::new(CacheKey { path, module, account, fields }))
                }
            };
            accounts.insert(name.clone(), key);
        }
        Ok(Self { compartment, accounts })
    }

    /// The key of `account` for `caller`. `None` if the module has no such account.
    pub(super) fn key(&self, account: &str, caller: &Caller) -> Option<Arc<CacheKey>> {
        Some(match self.accounts.get(account)? {
            AccountKey::Shared(key) => Arc::clone(key),
            AccountKey::PerUser { path, module, account, fields } => Arc::new(CacheKey {
                path: path.for_caller(caller),
                module: Arc::clone(module),
                account: Arc::clone(account),
                fields: Arc::clone(fields),
            }),
        })
    }

    /// The keys that all users share.
    pub(super) fn shared_keys(&self) -> impl Iterator<Item = &Arc<CacheKey>> {
        self.accounts.values().filter_map(|key| match key {
            AccountKey::Shared(key) => Some(key),
            AccountKey::PerUser { .. } => None,
        })
    }
}
