//! The secret of an account: its vault, its path, and how it is read.

use std::sync::Arc;

use cofferdam_config::quote;
use cofferdam_config::suggestions::list;
use cofferdam_vault::{ErrorKind, Expect, FieldName, Scope, Secret, SecretPath, Stage, Vault, VaultError};

use super::account_ref::AccountRef;
use crate::caller::Caller;
use crate::cli::compose::App;
use crate::cli::exit::CommandError;
use crate::cli::hint;
use crate::registry::Module;

/// Where the secret of an account is stored.
#[derive(Debug)]
pub(in crate::cli) struct SecretLocation {
    /// The account.
    pub(in crate::cli) account: AccountRef,
    /// The name of the vault in the profile.
    pub(in crate::cli) vault_name: String,
    /// The vault.
    pub(in crate::cli) vault: Arc<dyn Vault>,
    /// The path in the vault.
    pub(in crate::cli) path: SecretPath,
    /// The fields that the module needs.
    pub(in crate::cli) required_fields: Vec<FieldName>,
    profile: String,
}

impl SecretLocation {
    /// Returns the location of the secret of `account`.
    ///
    /// # Errors
    ///
    /// Returns a usage error if the profile has no such module or account, and a failure with the problems of the manifest
    /// if the module could not be loaded.
    pub(in crate::cli) fn find(app: &App, account: &AccountRef) -> Result<Self, CommandError> {
        Self::in_module(app, app.module(&account.module)?.loaded()?, &account.account)
    }

    /// Returns the location of the secret of the account `account` of `module`.
    ///
    /// # Errors
    ///
    /// Returns a usage error that lists the accounts of the module if it has no account of that name.
    pub(in crate::cli) fn in_module(app: &App, module: &Module, account: &str) -> Result<Self, CommandError> {
        let broker = app.calls.broker();
        let vault = broker.store(&Caller::local(), &module.name, account);
        let (Some((vault, path)), Some(status)) = (vault, broker.module_vault(&module.name)) else {
            let known = module.accounts.iter().map(|account| account.name.as_str());
            return Err(CommandError::usage(
                format!(
                    "module `{}` has no account {} in the profile `{}`",
                    module.name,
                    quote::string(account),
                    app.profile
                ),
                format!("its accounts are {}; choose another profile with `--profile`", list(known)),
            ));
        };
        Ok(Self {
            account: AccountRef { module: module.name.clone(), account: account.into() },
            vault_name: status.name,
            vault,
            path,
            required_fields: module.service.credential.fields(),
            profile: app.profile.clone(),
        })
    }

    /// Reads the secret with all of its fields. Returns `None` if it does not exist.
    ///
    /// See [`read_all_fields`].
    ///
    /// # Errors
    ///
    /// Returns the error of the vault.
    pub(in crate::cli) async fn read(&self) -> Result<Option<Secret>, VaultError> {
        read_all_fields(&*self.vault, &self.path, &self.required_fields).await
    }

    /// Returns the error for a secret that is absent or lacks a field: the vault's message, and how to create the secret.
    pub(in crate::cli) async fn absent(&self) -> CommandError {
        let Err(error) = self.vault.read(&self.path, &self.required_fields, Stage::Current).await else {
            return CommandError::failure(
                format!(
                    "the credential was absent from vault `{}`, and has just been created",
                    self.vault_name
                ),
                "run the command again",
            );
        };
        let help = match write_refusal(&*self.vault, &self.path, &self.required_fields).await {
            Some(refusal) => refusal.message().to_owned(),
            None => {
                let set =
                    |field| hint::command(&self.profile, &format!("secret set {} {field}", self.account));
                format!(
                    "set it with {}",
                    self.required_fields.iter().map(set).collect::<Vec<_>>().join(" and ")
                )
            }
        };
        CommandError::failure(self.message(&error), help)
    }

    /// Returns the error of a command for an error of the vault.
    pub(in crate::cli) fn error(&self, error: &VaultError) -> CommandError {
        let list = hint::command(&self.profile, "secret list");
        let help = match error.kind() {
            ErrorKind::Conflict => {
                "another writer changed the secret at the same time; run the command again".into()
            }
            ErrorKind::ReadOnly => {
                "change it at its origin, or give the module another vault in the profile".into()
            }
            ErrorKind::NotFound => format!("list what exists with {list}"),
            ErrorKind::Denied => {
                let resource = self.vault.resource(&self.path).unwrap_or_else(|| self.path.to_string());
                format!(
                    "let an administrator of vault `{}` allow its login to access {resource}, and run the command again",
                    self.vault_name
                )
            }
            _ => format!(
                "fix the vault, which {} diagnoses, and run the command again",
                hint::command(&self.profile, "doctor")
            ),
        };
        CommandError::failure(self.message(error), help)
    }

    fn message(&self, error: &VaultError) -> String {
        format!("vault `{}`: {}", self.vault_name, error.message())
    }
}

/// Reads the secret at `path` with all of its fields. Returns `None` if it does not exist.
///
/// A store that cannot list the fields of a secret is asked for each of `required_fields` instead; absent ones are omitted.
///
/// # Errors
///
/// Returns the error of the vault.
pub(super) async fn read_all_fields(
    vault: &dyn Vault,
    path: &SecretPath,
    required_fields: &[FieldName],
) -> Result<Option<Secret>, VaultError> {
    if vault.info().capabilities.list {
        return absent_as_none(vault.read(path, &[], Stage::Current).await);
    }
    let mut secret: Option<Secret> = None;
    for field in required_fields {
        let one = std::slice::from_ref(field);
        if let Some(mut part) = absent_as_none(vault.read(path, one, Stage::Current).await)? {
            match &mut secret {
                Some(secret) => secret.fields.append(&mut part.fields),
                None => secret = Some(part),
            }
        }
    }
    Ok(secret)
}

/// Returns the error with which a read-only store refuses a write, or `None` if the store can be written.
///
/// Its message says how the operator changes a secret in that store.
pub(in crate::cli) async fn write_refusal(
    vault: &dyn Vault,
    path: &SecretPath,
    fields: &[FieldName],
) -> Option<VaultError> {
    if vault.info().capabilities.write {
        return None;
    }
    let empty = fields.iter().map(|field| (field.clone(), "".into())).collect();
    vault.write(path, &empty, Expect::Any).await.err()
}

fn absent_as_none(result: Result<Secret, VaultError>) -> Result<Option<Secret>, VaultError> {
    match result {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == ErrorKind::NotFound && error.scope() == Scope::Secret => Ok(None),
        Err(error) => Err(error),
    }
}
