//! Which modules and tools there are, and what a caller may see of them.

mod arguments;
mod manifest;
mod manifests;
mod search;
#[cfg(test)]
mod tests;
mod tool;

use std::collections::HashMap;
use std::sync::Arc;

pub use manifest::{BrokenManifest, ManifestProblem};
pub use manifests::Manifests;
pub use tool::{Account, Module, Tool};

use crate::caller::Caller;
use crate::connectors::WorkerPool;
use crate::connectors::http::{Endpoint, Service};
use crate::profile::{AccountEntry, ModuleEntry};
use manifest::Manifest;
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
    pub fn load(entries: &[ModuleEntry], manifests: &Manifests) -> Self {
        let mut modules = Vec::with_capacity(entries.len());
        let mut broken = Vec::new();
        for entry in entries {
            let module = manifests.get(&entry.manifest, &entry.name).and_then(|manifest| {
                Module::new(entry, manifest).map_err(|problem| manifests.refused(entry, problem))
            });
            match module {
                Ok(module) => modules.push(Arc::new(module)),
                Err(reason) => broken.push(reason),
            }
        }
        let used: Vec<&str> = entries.iter().map(|entry| entry.manifest.as_str()).collect();
        broken.extend(manifests.broken_beside(&used));
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

impl Module {
    fn new(entry: &ModuleEntry, manifest: &Manifest) -> Result<Self, ManifestProblem> {
        let account = |account: &AccountEntry| {
            let of_profile = account.base_url.as_ref().or(entry.base_url.as_ref());
            let Some(base_url) = of_profile.or_else(|| manifest.http.base_url()) else {
                let message =
                    format!("has no address of its own, and the account `{}` none either", account.name);
                let remedy =
                    "write `base_url = \"https://…\"` in the profile, for the module or for each account";
                return Err(ManifestProblem::whole(message, remedy));
            };
            Ok(Account {
                name: account.name.clone(),
                endpoint: Endpoint { base_url: base_url.clone(), insecure_http: entry.insecure_http },
            })
        };
        Ok(Self {
            name: entry.name.clone(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            source: manifest.source.clone(),
            accounts: entry.accounts.iter().map(account).collect::<Result<_, _>>()?,
            service: Service {
                title: manifest.title.clone(),
                settings: Arc::clone(&manifest.http),
                credential: manifest.credential.clone(),
                workers: WorkerPool::new(&entry.name),
            },
            tools: manifest.tools.clone(),
            tool_index: Arc::clone(&manifest.tool_index),
        })
    }
}
