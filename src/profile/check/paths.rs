//! Whether the modules' secrets are different ones, and whether their vaults can store them.

use std::collections::HashMap;
use std::path::Path;

use cofferdam_config::quote::{self, named};
use cofferdam_config::{KeyPath, Text, text};
use cofferdam_vault::SecretPath;

use super::modules::CheckedModule;
use super::report::Report;
use crate::broker::AccountPath;
use crate::caller::Caller;
use crate::manifest::ManifestLibrary;
use crate::profile::settings::VaultEntry;

/// Checks the paths of all accounts. A module whose path or name is wrong is left out; that has been reported.
pub(in crate::profile) fn check(
    report: &mut Report,
    base_dir: &Path,
    vaults: &[VaultEntry],
    modules: &[CheckedModule],
    manifests: &ManifestLibrary,
) {
    for vault in vaults {
        let bound: Vec<_> = modules.iter().filter(|module| module.vault == vault.name).collect();
        if bound.is_empty() && !modules.is_empty() {
            let path = KeyPath::new(["vaults", vault.name.as_str()]);
            report.warning(&path, "no module uses this vault", "remove it, or use it in a module");
        }
        for module in bound {
            let per_user = module.path.as_ref().is_some_and(|path| path.is_per_user());
            if let (true, Some(why)) = (per_user, vault.settings.refuses_users()) {
                let path = KeyPath::new(["modules", module.name.as_str(), "path"]);
                let message = text!("`{{user}}` is not allowed: {why}");
                report.value_error(&path, message, "remove `{user}`, or use another vault");
            }
        }
    }
    shared_secrets(report, &secrets(base_dir, vaults, modules, manifests));
}

/// The secret of one account.
struct AccountSecret<'a> {
    vault: &'a VaultEntry,
    module: &'a str,
    account: &'a str,
    path: SecretPath,
    /// Its names in the store.
    names: Vec<String>,
}

/// The secrets of all accounts whose vault could be read. If each user has one, those of one user stand for all.
fn secrets<'a>(
    base_dir: &Path,
    vaults: &'a [VaultEntry],
    modules: &'a [CheckedModule],
    manifests: &ManifestLibrary,
) -> Vec<AccountSecret<'a>> {
    let user = Caller::local();
    let mut secrets = Vec::new();
    for module in modules {
        let vault = vaults.iter().find(|vault| vault.name == module.vault);
        let (Some(vault), Some(template)) = (vault, &module.path) else { continue };
        let fields = manifests.credential_fields(&module.manifest).unwrap_or_default();
        for account in &module.accounts {
            let path = match template.for_account(&module.name, &account.name) {
                Ok(AccountPath::Shared(path)) => path,
                Ok(AccountPath::PerUser(path)) => path.for_caller(&user),
                Err(_) => continue,
            };
            let names = vault.settings.names(base_dir, &path, &fields);
            secrets.push(AccountSecret { vault, module: &module.name, account: &account.name, path, names });
        }
    }
    secrets
}

/// Reports accounts that read one secret: one service would be sent the credential of another.
fn shared_secrets(report: &mut Report, secrets: &[AccountSecret<'_>]) {
    let mut readers: HashMap<(&str, &str), Vec<&AccountSecret<'_>>> = HashMap::new();
    for secret in secrets {
        let other = secret.names.iter().find_map(|name| {
            let readers = readers.entry((secret.vault.backend, name.as_str())).or_default();
            let other = readers.iter().copied().find(|other| is_shared(secret, other));
            readers.push(secret);
            Some((name, other?))
        });
        if let Some((name, other)) = other {
            let key = if secret.module == other.module { "accounts" } else { "path" };
            let path = KeyPath::new(["modules", secret.module, key]);
            report.value_error(&path, message(secret, other, name), help(secret, other));
        }
    }
}

/// Whether two accounts, whose secrets have a common name, read one secret. An account that is listed twice has been
/// reported.
fn is_shared(one: &AccountSecret<'_>, other: &AccountSecret<'_>) -> bool {
    (one.module != other.module || one.account != other.account) && one.vault.store.may_be(&other.vault.store)
}

fn message(secret: &AccountSecret<'_>, other: &AccountSecret<'_>, name: &str) -> Text {
    let of = |secret: &AccountSecret<'_>| {
        text!("{} of {}", named("account", secret.account), named("module", secret.module))
    };
    let name = quote::identifier(name).map(|name| text!(": {name}")).unwrap_or_default();
    text!("{} reads the same secret as {}{name}", of(secret), of(other))
}

/// What parts two accounts.
fn help(secret: &AccountSecret<'_>, other: &AccountSecret<'_>) -> Text {
    let key = secret.vault.settings.parted_by();
    if secret.module == other.module {
        return "rename one of the two accounts".into();
    }
    let path = if secret.path == other.path { "put `{module}` into the path" } else { "change the path" };
    if secret.vault.name == other.vault.name {
        text!("{path}, or give one of the modules a vault with another `{key}`")
    } else {
        let vaults = text!("{} or {}", named("vault", &secret.vault.name), named("vault", &other.vault.name));
        text!("{path}, or give {vaults} another `{key}`")
    }
}
