//! `MODULE/ACCOUNT` on the command line, and the place in a vault that it stands for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cofferdam_vault::{ErrorKind, FieldName, Scope, Secret, SecretPath, Stage, Vault, VaultError};

use super::super::compose::Composed;
use super::super::exit::Failure;
use crate::access::Caller;
use crate::registry::Module;

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

    /// The secret with every field that it has; `None` where there is no secret.
    ///
    /// A store that cannot tell a secret's fields is asked for those that the module needs, one by one.
    ///
    /// # Errors
    ///
    /// What the vault answers.
    pub(super) async fn read(&self) -> Result<Option<Secret>, VaultError> {
        if self.vault.info().capabilities.list {
            return found(self.vault.read(&self.path, &[], Stage::Current).await);
        }
        let mut whole: Option<Secret> = None;
        for field in &self.needs {
            let wanted = std::slice::from_ref(field);
            if let Some(mut part) = found(self.vault.read(&self.path, wanted, Stage::Current).await)? {
                match &mut whole {
                    Some(whole) => whole.fields.append(&mut part.fields),
                    None => whole = Some(part),
                }
            }
        }
        Ok(whole)
    }

    /// The failure for a credential that is absent or lacks a field: what the vault says, and what would give it one.
    pub(super) async fn absent(&self) -> Failure {
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
