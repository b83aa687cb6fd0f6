//! From merged values of the right shape to a [`Profile`]: what every key means, and whether the keys fit each other.

mod modules;
mod server;
mod vaults;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use cofferdam_config::Diagnostics;
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;
use serde_json::Value as Schema;

use super::document::{Document, Part};
use super::key::{KeyPath, is_name};
use super::layers::{Layers, Merged};
use super::problem::{Problem, Severity};
use super::shape::Shape;
use super::{ManifestsOf, Profile, Source};
use crate::broker::backends::{Backend, read_table};
use crate::names::folded;

/// Checks a whole profile: it is there where none of the problems is an error, and then they are its warnings.
pub(super) fn check(
    source: &Source,
    document: &Document,
    layers: &Layers,
    backends: &[Backend],
    schema: &Schema,
    manifests_of: ManifestsOf<'_>,
) -> (Option<Profile>, Vec<Problem>) {
    let mut problems = document.problems.clone();
    let merged = Merged::of(document, layers, schema, &mut problems);
    let compiled_out: Vec<_> =
        backends.iter().filter(|backend| backend.compiled.is_none()).map(|backend| backend.name).collect();
    let (values, findings) = Shape::check(&merged.values, schema, &compiled_out);
    let mut check = Check { document, merged, values, problems };
    for finding in findings {
        check.problem(&finding.path, finding.part, finding.message, finding.remedy);
    }
    check.similar_names();

    let server = check.server(&source.base_dir);
    let manifests = manifests_of(server.modules_dir.as_deref());
    let vaults = check.vaults(backends);
    let modules = check.modules(manifests.as_ref());
    check.paths(&vaults, &modules, manifests.as_ref());

    let mut problems = check.problems;
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    if refused {
        // What a refused profile makes look unused may only be misspelt.
        problems.retain(|problem| problem.severity == Severity::Error);
    }
    problems.sort();
    let profile = (!refused).then(|| Profile {
        name: source.name.clone(),
        base_dir: source.base_dir.clone(),
        vaults,
        modules: modules.into_iter().map(|module| module.entry).collect(),
        server,
        warnings: std::mem::take(&mut problems),
    });
    (profile, problems)
}

/// A check under way.
struct Check<'a> {
    document: &'a Document,
    merged: Merged<'a>,
    /// The merged values without those that are of a wrong shape.
    values: Dict,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn problem(&mut self, path: &KeyPath, part: Part, message: impl Into<String>, remedy: impl Into<String>) {
        self.report(Severity::Error, path, part, message.into(), remedy.into());
    }

    fn warning(&mut self, path: &KeyPath, message: impl Into<String>, remedy: impl Into<String>) {
        self.report(Severity::Warning, path, Part::Key, message.into(), remedy.into());
    }

    fn report(&mut self, severity: Severity, path: &KeyPath, part: Part, message: String, remedy: String) {
        let place = self.merged.place(path, part);
        self.problems.push(Problem { place, key: path.to_string(), message, remedy, severity });
    }

    /// Reports the problems of a table, whose keys are seen from `path`.
    fn table_problems(&mut self, path: &KeyPath, problems: Diagnostics) {
        for problem in problems {
            self.problem(&path.below(&problem.key), Part::Value, problem.message, problem.help);
        }
    }

    /// Whether anything at or below `path` has been reported.
    fn is_reported(&self, path: &KeyPath) -> bool {
        let (name, below) = (path.to_string(), format!("{path}."));
        self.problems.iter().any(|problem| problem.key == name || problem.key.starts_with(&below))
    }

    /// The names in `[vaults]` or `[modules]`, in the file's order, those with problems included.
    fn names(&self, table: &str) -> Vec<String> {
        self.document.names(&KeyPath::of([table]))
    }

    /// What is left of the table `[table.name]`.
    fn table(&self, table: &str, name: &str) -> Option<Dict> {
        let Some(Value::Dict(_, tables)) = self.values.get(table) else { return None };
        let Some(Value::Dict(_, keys)) = tables.get(name) else { return None };
        Some(keys.clone())
    }

    /// Reads a table; its problems are reported, unless all of them echo what the shape's check has told.
    fn read<T: DeserializeOwned>(&mut self, path: &KeyPath, keys: Dict) -> Option<T> {
        match read_table(toml_table(keys)) {
            Ok(read) => Some(read),
            Err(problems) => {
                if !self.is_reported(path) {
                    self.table_problems(path, problems);
                }
                None
            }
        }
    }

    /// Names that differ only by `-` and `_` are one name to an environment variable, and nearly one to a reader.
    fn similar_names(&mut self) {
        for table in ["vaults", "modules"] {
            let names = self.names(table);
            let mut firsts: HashMap<String, &str> = HashMap::with_capacity(names.len());
            for name in names.iter().filter(|name| is_name(name)) {
                match firsts.entry(folded(name)) {
                    Entry::Vacant(free) => {
                        free.insert(name);
                    }
                    Entry::Occupied(first) => {
                        let message =
                            format!("differs from `{}` only by `-` and `_`", first.get().escape_debug());
                        let path = KeyPath::of([table, name]);
                        self.problem(&path, Part::Key, message, "give it another name");
                    }
                }
            }
        }
    }
}

/// Values as TOML; they came from TOML, so nothing is lost.
fn toml_table(keys: Dict) -> toml::Table {
    keys.into_iter().filter_map(|(key, value)| Some((key, toml::Value::try_from(value).ok()?))).collect()
}
