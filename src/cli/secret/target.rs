//! `MODULE/ACCOUNT` on the command line, and the place in a vault that it stands for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cofferdam_vault::{ErrorKind, FieldName, Scope, Secret, SecretPath, Stage, Vault, VaultError};

use super::super::compose::Composed;
use super::super::exit::Failure;
use crate::access::Caller;
use crate::registry::Module;

/// How often a secret that changes under our eyes is read anew.
const READS: usize = 5;

/// A module's account, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
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
pub(super) struct Place {
    /// The module and account.
    pub(super) target: Target,
    /// The vault's name in the profile.
    pub(super) vault_name: String,
    /// The vault.
    pub(super) vault: Arc<dyn Vault>,
    /// The path in it.
    pub(super) path: SecretPath,
    /// The fields that the module's credential needs.
    pub(super) needs: Vec<FieldName>,
}

impl Place {
    /// The place of `target`.
    ///
    /// # Errors
    ///
    /// A usage failure where the profile has no such module or account; it lists those that there are.
    pub(super) fn of(composed: &Composed, target: Target) -> Result<Self, Failure> {
        let caller = Caller::local();
        let registry = composed.calls.registry();
        let Some(module) = registry.module(&caller, &target.module) else {
            let known: Vec<String> = registry.modules(&caller).map(|m| m.name.clone()).collect();
            return Err(Failure::usage(
                format!("the profile has no module `{}`", target.module.escape_debug()),
                format!("its modules are: {}", listed(&known)),
            ));
        };
        Self::in_module(composed, module, &target.account)
    }

    /// The place of `account` of `module`.
    ///
    /// # Errors
    ///
    /// As [`Place::of`].
    pub(super) fn in_module(composed: &Composed, module: &Module, account: &str) -> Result<Self, Failure> {
        let broker = composed.calls.broker();
        let target = Target { module: module.name.clone(), account: account.into() };
        match (broker.store(&Caller::local(), &module.name, account), broker.module_vault(&module.name)) {
            (Some((vault, path)), Some(status)) => {
                Ok(Self { target, vault_name: status.name, vault, path, needs: module.credential.fields() })
            }
            _ => {
                let known: Vec<String> = module.accounts.iter().map(|a| a.name.clone()).collect();
                Err(Failure::usage(
                    format!("module `{}` has no account `{}`", module.name, account.escape_debug()),
                    format!("its accounts are: {}", listed(&known)),
                ))
            }
        }
    }

    /// The secret with every field that the store has; `None` where there is no secret.
    ///
    /// A store that does not answer with all fields when none is named is asked for each one that the module needs.
    ///
    /// # Errors
    ///
    /// What the vault answers.
    pub(super) async fn read(&self) -> Result<Option<Secret>, VaultError> {
        for _ in 0..READS {
            if let Settled(secret) = self.read_once().await? {
                return Ok(secret);
            }
        }
        Err(VaultError::secret(
            ErrorKind::Conflict,
            format!("the secret {} changes faster than it can be read; try again", self.path),
        ))
    }

    async fn read_once(&self) -> Result<Reading, VaultError> {
        let Some(mut whole) = found(self.vault.read(&self.path, &[], Stage::Current).await)? else {
            return Ok(Settled(None));
        };
        for field in &self.needs {
            if whole.fields.contains_key(field) {
                continue;
            }
            let wanted = std::slice::from_ref(field);
            if let Some(mut part) = found(self.vault.read(&self.path, wanted, Stage::Current).await)? {
                // A store whose fields are separate things (variables) has a version for each of them.
                if part.version != whole.version && self.vault.info().capabilities.cas {
                    return Ok(Changed);
                }
                whole.fields.append(&mut part.fields);
            }
        }
        Ok(Settled(Some(whole)))
    }

    /// The failure that a vault's error means here.
    pub(super) fn failure(&self, error: &VaultError) -> Failure {
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

/// One look at a secret.
enum Reading {
    Settled(Option<Secret>),
    Changed,
}

use Reading::{Changed, Settled};

fn found(answer: Result<Secret, VaultError>) -> Result<Option<Secret>, VaultError> {
    match answer {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == ErrorKind::NotFound && error.scope() == Scope::Secret => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names with commas between them, or `none`.
pub(super) fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
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
