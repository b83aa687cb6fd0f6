//! `MODULE/ACCOUNT` on the command line, and the place in a vault that it stands for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cofferdam_vault::{ErrorKind, Expect, FieldName, Scope, Secret, SecretPath, Stage, Vault, VaultError};

use super::super::compose::Composed;
use super::super::exit::Failure;
use crate::caller::Caller;
use crate::names::listed;
use crate::registry::Module;

/// A module's account, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Target {
    module: String,
    account: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((module, account)) if !module.is_empty() && !account.is_empty() => {
                Ok(Self { module: module.into(), account: account.into() })
            }
            _ => Err("write MODULE/ACCOUNT, for example `github/default`".into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.module, self.account)
    }
}

/// Where the secret of an account lies.
#[derive(Debug)]
pub(in crate::cli) struct Place {
    /// The module and account.
    pub(in crate::cli) target: Target,
    /// The vault's name in the profile.
    pub(in crate::cli) vault_name: String,
    /// The vault.
    pub(in crate::cli) vault: Arc<dyn Vault>,
    /// The path in it.
    pub(in crate::cli) path: SecretPath,
    /// The fields that the module's credential needs.
    pub(in crate::cli) needs: Vec<FieldName>,
}

impl Place {
    /// The place of `target`.
    ///
    /// # Errors
    ///
    /// As [`Composed::module`]; what is wrong with the module's manifest, where that was refused; a usage failure that lists the module's accounts, where it has none of that name.
    pub(in crate::cli) fn of(composed: &Composed, target: Target) -> Result<Self, Failure> {
        Self::in_module(composed, composed.module(&target.module)?.offer()?, &target.account)
    }

    /// The place of `account` of `module`.
    ///
    /// # Errors
    ///
    /// As [`Place::of`].
    pub(in crate::cli) fn in_module(
        composed: &Composed,
        module: &Module,
        account: &str,
    ) -> Result<Self, Failure> {
        let broker = composed.calls.broker();
        let target = Target { module: module.name.clone(), account: account.into() };
        match (broker.store(&Caller::local(), &module.name, account), broker.module_vault(&module.name)) {
            (Some((vault, path)), Some(status)) => Ok(Self {
                target,
                vault_name: status.name,
                vault,
                path,
                needs: module.service.credential.fields(),
            }),
            _ => {
                let known = module.accounts.iter().map(|a| a.name.as_str());
                Err(Failure::usage(
                    format!(
                        "module `{}` has no account `{}` in the profile `{}`",
                        module.name,
                        account.escape_debug(),
                        composed.profile
                    ),
                    format!("its accounts are: {}; `--profile` names another profile", listed(known)),
                ))
            }
        }
    }

    /// The secret with every field that it has; `None` where there is no secret.
    ///
    /// A store that cannot tell a secret's fields is asked for those that the module needs, one by one.
    ///
    /// # Errors
    ///
    /// What the vault answers.
    pub(in crate::cli) async fn read(&self) -> Result<Option<Secret>, VaultError> {
        whole(&*self.vault, &self.path, &self.needs).await
    }

    /// The failure for a credential that is absent or lacks a field: what the vault says, and what would give it one.
    pub(in crate::cli) async fn absent(&self) -> Failure {
        let help = if self.vault.info().capabilities.write {
            let command = |field| format!("`cofferdam secret set {} {field}`", self.target);
            format!("set it with {}", self.needs.iter().map(command).collect::<Vec<_>>().join(" and "))
        } else {
            "this vault cannot be written from here".into()
        };
        match self.vault.read(&self.path, &self.needs, Stage::Current).await {
            Err(error) => Failure::bad(format!("vault `{}`: {}", self.vault_name, error.message()), help),
            Ok(_) => {
                Failure::bad(format!("vault `{}` has just got the credential", self.vault_name), "look again")
            }
        }
    }

    /// The failure that a vault's error means here.
    pub(in crate::cli) fn failure(&self, error: &VaultError) -> Failure {
        let help = match error.kind() {
            ErrorKind::Conflict => "somebody else changed it at the same moment; look at it, and try again",
            ErrorKind::ReadOnly => {
                "change it where it is kept, or give the module another vault in the profile"
            }
            ErrorKind::NotFound => "`cofferdam secret list` shows what there is",
            _ => "mend the vault, and try again; `cofferdam secret list` shows how each vault is",
        };
        Failure::bad(format!("vault `{}`: {}", self.vault_name, error.message()), help)
    }
}

/// The secret at `path` with every field that it has; of a store that cannot tell a secret's fields, those of `needs` that
/// are there. `None` where there is no secret.
///
/// # Errors
///
/// What the vault answers.
pub(super) async fn whole(
    vault: &dyn Vault,
    path: &SecretPath,
    needs: &[FieldName],
) -> Result<Option<Secret>, VaultError> {
    if vault.info().capabilities.list {
        return found(vault.read(path, &[], Stage::Current).await);
    }
    let mut whole: Option<Secret> = None;
    for field in needs {
        let wanted = std::slice::from_ref(field);
        if let Some(mut part) = found(vault.read(path, wanted, Stage::Current).await)? {
            match &mut whole {
                Some(whole) => whole.fields.append(&mut part.fields),
                None => whole = Some(part),
            }
        }
    }
    Ok(whole)
}

/// Why a store that cannot be written cannot, in its own words: it knows what its person must do. `None` where it can be.
pub(super) async fn read_only(
    vault: &dyn Vault,
    path: &SecretPath,
    fields: &[FieldName],
) -> Option<VaultError> {
    if vault.info().capabilities.write {
        return None;
    }
    let nothing = fields.iter().map(|field| (field.clone(), "".into())).collect();
    vault.write(path, &nothing, Expect::Any).await.err()
}

fn found(answer: Result<Secret, VaultError>) -> Result<Option<Secret>, VaultError> {
    match answer {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == ErrorKind::NotFound && error.scope() == Scope::Secret => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_module_and_an_account() {
        let target: Target = "github/work".parse().unwrap();
        assert_eq!((target.module.as_str(), target.account.as_str()), ("github", "work"));
        for bad in ["", "github", "github/", "/work"] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?} was taken");
        }
    }
}
