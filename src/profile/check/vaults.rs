//! The `[vaults.NAME]` tables.

use std::path::Path;

use cofferdam_config::suggestions::nearest;
use cofferdam_config::{Diagnostic, KeyPath};
use figment::value::{Dict, Value};

use super::report::{Report, toml_table};
use crate::broker::CompartmentPolicy;
use crate::broker::backends::{Backend, VaultSettings};
use crate::profile::policy;
use crate::profile::settings::VaultEntry;

/// The vaults without errors, in the file's order.
pub(in crate::profile) fn check(
    report: &mut Report,
    base_dir: &Path,
    backends: &[Backend],
) -> Vec<VaultEntry> {
    report.names("vaults").into_iter().filter_map(|name| vault(report, base_dir, name, backends)).collect()
}

fn vault(report: &mut Report, base_dir: &Path, name: String, backends: &[Backend]) -> Option<VaultEntry> {
    let path = KeyPath::new(["vaults", name.as_str()]);
    let mut own = report.table("vaults", &name)?;
    let backend = own.remove("backend")?.into_string()?;
    let backend = backends.iter().find(|known| known.name == backend)?;
    let mut keys = Dict::new();
    for key in CompartmentPolicy::KEYS {
        keys.extend(own.remove(key).map(|value| (key.to_owned(), value)));
    }
    let policy = report.read::<CompartmentPolicy>(&path, keys);
    if let Some(policy) = &policy {
        report.extend(&path, policy::check(policy));
    }
    let settings = settings(report, &path, own, backend)?;
    Some(VaultEntry {
        name,
        backend: backend.name,
        policy: policy?,
        store: settings.store(base_dir),
        settings,
    })
}

/// The backend's own settings.
///
/// If the validation has removed a value, the backend may report it as missing. Such a diagnostic is dropped.
fn settings(
    report: &mut Report,
    path: &KeyPath,
    own: Dict,
    backend: &Backend,
) -> Option<Box<dyn VaultSettings>> {
    let compiled = backend.compiled.as_ref()?;
    let reported = is_own_reported(report, path);
    match (compiled.read)(toml_table(own.clone())) {
        Ok(settings) => Some(settings),
        Err(diagnostics) => {
            let own = Value::from(own);
            let exists = |found: &Diagnostic| own.find_ref(&found.key).is_some();
            report.extend(path, diagnostics.into_iter().filter(|found| !reported || exists(found)).collect());
            if !report.is_reported(path) {
                // A backend must report why it rejects settings. If it does not, they must still be rejected.
                report.key_error(path, "these settings are invalid", "compare them with the documentation");
            }
            None
        }
    }
}

/// Whether anything has been reported about the vault `path`, other than about its compartment's policy.
fn is_own_reported(report: &Report, path: &KeyPath) -> bool {
    let vault = path.to_string();
    report.reported_keys().filter_map(|key| key.strip_prefix(&vault)).any(|rest| {
        let key = rest.strip_prefix('.').map_or("", |rest| rest.split('.').next().unwrap_or_default());
        rest.is_empty() || (rest.starts_with('.') && nearest(key, CompartmentPolicy::KEYS).is_none())
    })
}
