//! The `[vaults.NAME]` tables.

use figment::value::{Dict, Value};

use super::report::{Report, toml_table};
use crate::broker::CompartmentPolicy;
use crate::broker::backends::{Backend, VaultSettings};
use crate::names::nearest;
use crate::profile::document::Part;
use crate::profile::key::KeyPath;
use crate::profile::policy;
use crate::profile::settings::VaultEntry;
use cofferdam_config::Diagnostic;

/// The vaults that are right, in the file's order.
pub(in crate::profile) fn check(report: &mut Report, backends: &[Backend]) -> Vec<VaultEntry> {
    report.names("vaults").into_iter().filter_map(|name| vault(report, name, backends)).collect()
}

fn vault(report: &mut Report, name: String, backends: &[Backend]) -> Option<VaultEntry> {
    let path = KeyPath::of(["vaults", name.as_str()]);
    let mut own = report.table("vaults", &name)?;
    let backend = own.remove("backend")?.into_string()?;
    let backend = backends.iter().find(|known| known.name == backend)?;
    let mut keys = Dict::new();
    for key in CompartmentPolicy::KEYS {
        keys.extend(own.remove(key).map(|value| (key.to_owned(), value)));
    }
    let policy = report.read::<CompartmentPolicy>(&path, keys);
    if let Some(policy) = &policy {
        report.table_problems(&path, policy::problems(policy));
    }
    let settings = settings(report, &path, own, backend);
    Some(VaultEntry { name, backend: backend.name, policy: policy?, settings: settings? })
}

/// The backend's own settings.
///
/// Where the shape's check took something out, the backend may miss it; such an echo is not told, as long as
/// something is.
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
        Err(problems) => {
            let own = Value::from(own);
            let stands = |problem: &Diagnostic| own.find_ref(&problem.key).is_some();
            let told = problems.into_iter().filter(|problem| !reported || stands(problem)).collect();
            report.table_problems(path, told);
            if !report.is_reported(path) {
                // A backend that refuses must say why; one that does not must still not be taken.
                report.problem(
                    path,
                    Part::Key,
                    "these settings are refused",
                    "compare them with the documents",
                );
            }
            None
        }
    }
}

/// Whether anything has been reported of the vault `path` that is not plainly about its compartment's policy.
fn is_own_reported(report: &Report, path: &KeyPath) -> bool {
    let vault = path.to_string();
    report.problems.iter().filter_map(|problem| problem.key.strip_prefix(&vault)).any(|rest| {
        let key = rest.strip_prefix('.').map_or("", |rest| rest.split('.').next().unwrap_or_default());
        rest.is_empty() || (rest.starts_with('.') && nearest(key, CompartmentPolicy::KEYS).is_none())
    })
}
