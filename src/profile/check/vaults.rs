//! The `[vaults.NAME]` tables.

use figment::value::{Dict, Value};

use super::{Check, toml_table};
use crate::broker::Walls;
use crate::broker::backends::{Backend, VaultSettings};
use crate::names::nearest;
use crate::profile::VaultEntry;
use crate::profile::document::Part;
use crate::profile::key::KeyPath;
use crate::profile::walls;
use cofferdam_config::Diagnostic;

impl Check<'_> {
    /// The vaults that are right, in the file's order.
    pub(super) fn vaults(&mut self, backends: &[Backend]) -> Vec<VaultEntry> {
        self.names("vaults").into_iter().filter_map(|name| self.vault(name, backends)).collect()
    }

    fn vault(&mut self, name: String, backends: &[Backend]) -> Option<VaultEntry> {
        let path = KeyPath::of(["vaults", name.as_str()]);
        let mut own = self.table("vaults", &name)?;
        let backend = own.remove("backend")?.into_string()?;
        let backend = backends.iter().find(|known| known.name == backend)?;
        let mut keys = Dict::new();
        for key in Walls::KEYS {
            keys.extend(own.remove(key).map(|value| (key.to_owned(), value)));
        }
        let walls = self.read::<Walls>(&path, keys);
        if let Some(walls) = &walls {
            self.table_problems(&path, walls::problems(walls));
        }
        let settings = self.settings(&path, own, backend);
        Some(VaultEntry { name, backend: backend.name, walls: walls?, settings: settings? })
    }

    /// The backend's own settings.
    ///
    /// Where the shape's check took something out, the backend may miss it; such an echo is not told, as long as
    /// something is.
    fn settings(&mut self, path: &KeyPath, own: Dict, backend: &Backend) -> Option<Box<dyn VaultSettings>> {
        let compiled = backend.compiled.as_ref()?;
        let reported = self.is_own_reported(path);
        match (compiled.read)(toml_table(own.clone())) {
            Ok(settings) => Some(settings),
            Err(problems) => {
                let own = Value::from(own);
                let stands = |problem: &Diagnostic| own.find_ref(&problem.key).is_some();
                let told = problems.into_iter().filter(|problem| !reported || stands(problem)).collect();
                self.table_problems(path, told);
                if !self.is_reported(path) {
                    // A backend that refuses must say why; one that does not must still not be taken.
                    self.problem(
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

    /// Whether anything has been reported of the vault `path` that is not plainly about its walls.
    fn is_own_reported(&self, path: &KeyPath) -> bool {
        let vault = path.to_string();
        self.problems.iter().filter_map(|problem| problem.key.strip_prefix(&vault)).any(|rest| {
            let key = rest.strip_prefix('.').map_or("", |rest| rest.split('.').next().unwrap_or_default());
            rest.is_empty() || (rest.starts_with('.') && nearest(key, Walls::KEYS).is_none())
        })
    }
}
