//! Which modules and tools there are, and what a caller may see of them.

mod broken;
mod module;
mod search;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

pub use broken::BrokenManifest;
pub use module::{Account, Module};

use crate::caller::Caller;
use crate::manifest::{InvalidManifest, ManifestLibrary, Tool};
use crate::profile::ModuleEntry;
use search::Index;

/// The modules of a profile that have a good manifest. Does not change once it is loaded.
///
/// Every question names the caller: what a caller may not see is, for that caller, not there.
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
    /// Never fails: a module whose manifest is broken, or that has no address, is left out, and [`Registry::broken`] says
    /// why.
    pub fn load(entries: &[ModuleEntry], manifests: &ManifestLibrary) -> Self {
        let mut modules = Vec::with_capacity(entries.len());
        let mut broken = Vec::new();
        for entry in entries {
            let module = manifests.get(&entry.manifest).and_then(|manifest| {
                Module::new(entry, manifest).map_err(|problem| InvalidManifest {
                    file: manifests.file(&entry.manifest).unwrap_or_default().to_owned(),
                    problems: vec![problem],
                })
            });
            match module {
                Ok(module) => modules.push(Arc::new(module)),
                Err(invalid) => broken.push(BrokenManifest::new(Some(&entry.name), invalid)),
            }
        }
        let used: Vec<&str> = entries.iter().map(|entry| entry.manifest.as_str()).collect();
        let unused = manifests.unused_invalid(&used);
        broken.extend(unused.into_iter().map(|invalid| BrokenManifest::new(None, invalid)));
        let by_name = modules.iter().enumerate().map(|(at, module)| (module.name.clone(), at)).collect();
        let index = Index::of(&modules);
        Self { modules, by_name, index, broken }
    }

    /// The manifests that were refused, and the modules that they take down, in the profile's order; then those that no
    /// module uses.
    pub fn broken(&self) -> &[BrokenManifest] {
        &self.broken
    }

    /// Why the module `name` of the profile is not there, where its manifest was refused. For the operator.
    pub fn refused(&self, name: &str) -> Option<&BrokenManifest> {
        self.broken.iter().find(|broken| broken.module.as_deref() == Some(name))
    }

    /// The modules that `caller` may use, in the profile's order.
    pub fn modules(&self, _caller: &Caller) -> impl Iterator<Item = &Arc<Module>> {
        self.modules.iter()
    }

    /// The module `name`, where there is one that `caller` may use.
    pub fn module(&self, _caller: &Caller, name: &str) -> Option<&Arc<Module>> {
        self.modules.get(*self.by_name.get(name)?)
    }

    /// The tools that `caller` may use and that fit `query` best, the best first, at most `limit`.
    ///
    /// `query` is words in any order, as a model would write them; nothing fits a query without words.
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
