//! Whether the modules' secrets have different paths, and whether their vaults can store them.

use std::collections::HashMap;

use cofferdam_config::KeyPath;
use cofferdam_config::quote::named;

use super::modules::CheckedModule;
use super::report::Report;
use crate::broker::AccountPath;
use crate::manifest::ManifestLibrary;
use crate::profile::settings::VaultEntry;

/// Checks the paths of all accounts. A module whose path or name is wrong is left out; that has been reported.
pub(in crate::profile) fn check(
    report: &mut Report,
    vaults: &[VaultEntry],
    modules: &[CheckedModule],
    manifests: &ManifestLibrary,
) {
    let paths: Vec<Vec<(&str, AccountPath)>> = modules.iter().map(account_paths).collect();
    shared_secrets(report, modules, &paths);
    for vault in vaults {
        let path = KeyPath::new(["vaults", vault.name.as_str()]);
        let bound: Vec<_> =
            modules.iter().zip(&paths).filter(|(module, _)| module.vault == vault.name).collect();
        if bound.is_empty() && !modules.is_empty() {
            report.warning(&path, "no module uses this vault", "remove it, or use it in a module");
        }
        let mut secrets = Vec::new();
        for (module, paths) in bound {
            let per_user = module.path.as_ref().is_some_and(|path| path.is_per_user());
            if let (true, Some(why)) = (per_user, vault.settings.refuses_users()) {
                let path = KeyPath::new(["modules", module.name.as_str(), "path"]);
                let message = format!("`{{user}}` is not allowed: {why}");
                report.value_error(&path, message, "remove `{user}`, or use another vault");
            }
            let fields = manifests.credential_fields(&module.manifest).unwrap_or_default();
            secrets.extend(paths.iter().filter_map(|(_, path)| match path {
                AccountPath::Shared(path) => Some((path.clone(), fields.clone())),
                AccountPath::PerUser(_) => None,
            }));
        }
        report.extend(&path, vault.settings.collisions(&secrets));
    }
}

/// Each account with the path of its secret.
fn account_paths(module: &CheckedModule) -> Vec<(&str, AccountPath)> {
    let Some(template) = &module.path else { return Vec::new() };
    let path = |account: &str| template.for_account(&module.name, account).ok();
    let accounts = module.accounts.iter().map(|account| account.name.as_str());
    accounts.filter_map(|account| Some((account, path(account)?))).collect()
}

/// Reports modules that read one secret: one service would be sent the credential of another.
fn shared_secrets(report: &mut Report, modules: &[CheckedModule], paths: &[Vec<(&str, AccountPath)>]) {
    let mut taken: HashMap<(&str, &AccountPath), &str> = HashMap::new();
    for (module, paths) in modules.iter().zip(paths) {
        for (account, secret) in paths {
            match taken.insert((module.vault.as_str(), secret), &module.name) {
                Some(other) if other != module.name => {
                    let path = KeyPath::new(["modules", module.name.as_str(), "path"]);
                    let (account, other) = (named("account", account), named("module", other));
                    let message = format!("{account} reads the same secret as {other}");
                    report.value_error(&path, message, "put `{module}` into the path");
                }
                _ => {}
            }
        }
    }
}
