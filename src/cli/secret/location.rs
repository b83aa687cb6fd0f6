//! The secret of an account: its vault, its path, and how it is read.

use std::sync::Arc;

use cofferdam_config::suggestions::list;
use cofferdam_config::{Text, quote, text};
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
                text!(
                    "module `{}` has no account {} in the profile `{}`",
                    quote::name(&module.name),
                    quote::string(account),
                    quote::name(&app.profile)
                ),
                text!("its accounts are {}; choose another profile with `--profile`", list(known)),
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

    /// Reads the secret to show it. Returns `None` if it does not exist.
    ///
    /// If one of its fields cannot be used, for example because of its name, the result has those fields that the module
    /// needs, and the error about the secret as a whole. To write a secret, use [`read`](Self::read): it would lose the other
    /// fields.
    ///
    /// # Errors
    ///
    /// Returns the error of the vault.
    pub(in crate::cli) async fn read_to_show(
        &self,
    ) -> Result<Option<(Secret, Option<VaultError>)>, VaultError> {
        read_to_show(&*self.vault, &self.path, &self.required_fields).await
    }

    /// Returns the error for a secret that is absent or lacks a field: the vault's message, and how to create the secret.
    pub(in crate::cli) async fn absent(&self) -> CommandError {
        let Err(error) = self.vault.read(&self.path, &self.required_fields, Stage::Current).await else {
            return CommandError::failure(
                text!(
                    "the credential was absent from vault `{}`, and has just been created",
                    quote::name(&self.vault_name)
                ),
                "run the command again",
            );
        };
        let help = match write_refusal(&*self.vault, &self.path, &self.required_fields).await {
            Some(refusal) => text!("{refusal}"),
            None => {
                let account = self.account();
                let set = |field| hint::command(&self.profile, text!("secret set {account} {field}"));
                text!("set it with {}", Text::join(self.required_fields.iter().map(set), " and "))
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
            ErrorKind::NotFound => text!("list what exists with {list}"),
            ErrorKind::Denied => {
                let resource = self.vault.resource(&self.path).unwrap_or_else(|| self.path.to_string());
                text!(
                    "let an administrator of vault `{}` allow its login to access {}, and run the command again",
                    quote::name(&self.vault_name),
                    quote::path(resource)
                )
            }
            _ => text!(
                "fix the vault, which {} diagnoses, and run the command again",
                hint::command(&self.profile, "doctor")
            ),
        };
        CommandError::failure(self.message(error), help)
    }

    fn message(&self, error: &VaultError) -> Text {
        text!("vault `{}`: {error}", quote::name(&self.vault_name))
    }

    /// Returns `MODULE/ACCOUNT`, for a message.
    pub(super) fn account(&self) -> Text {
        quote::name(&self.account.to_string())
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
    read_each(vault, path, required_fields).await
}

async fn read_to_show(
    vault: &dyn Vault,
    path: &SecretPath,
    required_fields: &[FieldName],
) -> Result<Option<(Secret, Option<VaultError>)>, VaultError> {
    match read_all_fields(vault, path, required_fields).await {
        Err(error) if error.kind() == ErrorKind::Malformed && error.scope() == Scope::Secret => {
            match read_each(vault, path, required_fields).await {
                Ok(Some(secret)) => Ok(Some((secret, Some(error)))),
                _ => Err(error),
            }
        }
        all => Ok(all?.map(|secret| (secret, None))),
    }
}

/// Reads each of `fields`. Absent ones are omitted. Returns `None` if all are absent.
async fn read_each(
    vault: &dyn Vault,
    path: &SecretPath,
    fields: &[FieldName],
) -> Result<Option<Secret>, VaultError> {
    let mut secret: Option<Secret> = None;
    for field in fields {
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

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{Calls, Fault, Faults, MemoryVault, field, path};

    use super::*;

    #[tokio::test]
    async fn a_field_that_cannot_be_used_leaves_the_others_readable() {
        let faults = Faults::default();
        let store = MemoryVault::new("memory");
        store.put("github/work", [("token", "t"), ("note", "n")]);
        let vault = faults.wrap(Arc::new(store));
        let malformed = VaultError::secret(ErrorKind::Malformed, "has a field that cannot be used");
        faults.once(Calls::Reads, Fault::Fail(malformed.clone()));
        let shown = read_to_show(&*vault, &path("github/work"), &[field("token")]).await;
        let (secret, error) = shown.unwrap().unwrap();
        assert_eq!(secret.fields.keys().map(FieldName::as_str).collect::<Vec<_>>(), ["token"]);
        assert_eq!(error, Some(malformed.clone()));

        // Without it, the whole secret is shown; and what is written again is never a part.
        let shown = read_to_show(&*vault, &path("github/work"), &[field("token")]).await.unwrap();
        assert!(matches!(shown, Some((secret, None)) if secret.fields.len() == 2));
        faults.once(Calls::Reads, Fault::Fail(malformed));
        assert!(read_all_fields(&*vault, &path("github/work"), &[field("token")]).await.is_err());
    }
}
