//! The modules and tools of this process, and what a caller may see of them.

mod broken;
mod module;
mod search;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

pub use broken::BrokenManifest;
pub use module::{Account, Module};

use crate::caller::Caller;
use crate::manifest::{ManifestLibrary, Tool};
use crate::profile::ModuleEntry;
use search::Index;

/// The modules of a profile that have a valid manifest. Immutable after loading.
///
/// Every query names the caller. What a caller may not see does not exist for that caller.
#[derive(Debug)]
pub struct Registry {
    /// In the profile's order.
    modules: Vec<Arc<Module>>,
    by_name: HashMap<String, usize>,
    index: Index,
    broken: Vec<BrokenManifest>,
}

impl Registry {
    /// Gives each module of the profile its manifest.
    ///
    /// Never fails: a module whose manifest is invalid, or that has no address, is left out, and [`Registry::broken`]
    /// reports why.
    pub fn load(entries: &[ModuleEntry], manifests: &ManifestLibrary) -> Self {
        let mut modules = Vec::with_capacity(entries.len());
        let mut broken = Vec::new();
        for entry in entries {
            let manifest = match manifests.get(&entry.manifest) {
                Ok(manifest) => manifest,
                Err(invalid) => {
                    broken.push(BrokenManifest::invalid(Some(&entry.name), invalid));
                    continue;
                }
            };
            match Module::new(entry, manifest) {
                Ok(module) => modules.push(Arc::new(module)),
                Err(problems) => {
                    let file = manifests.file(&entry.manifest).unwrap_or_default();
                    broken.push(BrokenManifest::unusable(&entry.name, file, problems));
                }
            }
        }
        let used: Vec<&str> = entries.iter().map(|entry| entry.manifest.as_str()).collect();
        let unused = manifests.unused_invalid(&used);
        broken.extend(unused.into_iter().map(|invalid| BrokenManifest::invalid(None, invalid)));
        let by_name = modules.iter().enumerate().map(|(at, module)| (module.name.clone(), at)).collect();
        let index = Index::new(&modules);
        Self { modules, by_name, index, broken }
    }

    /// The manifests that cannot be used, with the modules that are down because of them, in the profile's order; then
    /// those that no module uses.
    pub fn broken(&self) -> &[BrokenManifest] {
        &self.broken
    }

    /// Why the module `name` of the profile is down, if its manifest cannot be used. For the operator.
    pub fn broken_module(&self, name: &str) -> Option<&BrokenManifest> {
        self.broken.iter().find(|broken| broken.module.as_deref() == Some(name))
    }

    /// The modules that `caller` may use, in the profile's order.
    pub fn modules(&self, _caller: &Caller) -> impl Iterator<Item = &Arc<Module>> {
        self.modules.iter()
    }

    /// All modules, in the profile's order. For the operator.
    pub fn all_modules(&self) -> &[Arc<Module>] {
        &self.modules
    }

    /// The module `name`, if it exists and `caller` may use it.
    pub fn module(&self, _caller: &Caller, name: &str) -> Option<&Arc<Module>> {
        self.modules.get(*self.by_name.get(name)?)
    }

    /// The tools that `caller` may use and that match `query` best, the best first, at most `limit`, and none that matches
    /// little of it.
    ///
    /// `query` is words in any order, as a model writes them. A query without words matches nothing.
    pub fn search(&self, _caller: &Caller, query: &str, limit: usize) -> Vec<(Arc<Module>, Arc<Tool>)> {
        let found = self.index.search(query, limit).into_iter();
        found
            .filter_map(|found| {
                let module = self.modules.get(found.module)?;
                let tool = module.tools.get(found.tool)?;
                Some((Arc::clone(module), Arc::clone(tool)))
            })
            .collect()
    }
}
