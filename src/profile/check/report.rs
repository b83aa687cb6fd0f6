//! The values of a profile, and what is wrong with them.

use cofferdam_config::Diagnostics;
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

use crate::broker::backends::read_table;
use crate::profile::document::Part;
use crate::profile::key::KeyPath;
use crate::profile::overrides::Merged;
use crate::profile::problem::{Problem, Severity};

/// The values of a profile, and what is wrong with them so far.
#[derive(Debug)]
pub(in crate::profile) struct Report {
    /// All layers in one.
    pub(in crate::profile) merged: Merged,
    /// The merged values without those that have a wrong type.
    pub(in crate::profile) values: Dict,
    /// In the order in which they were found.
    pub(in crate::profile) problems: Vec<Problem>,
}

impl Report {
    pub(in crate::profile) fn problem(
        &mut self,
        path: &KeyPath,
        part: Part,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.report(Severity::Error, path, part, message.into(), remedy.into());
    }

    pub(in crate::profile) fn warning(
        &mut self,
        path: &KeyPath,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.report(Severity::Warning, path, Part::Key, message.into(), remedy.into());
    }

    fn report(&mut self, severity: Severity, path: &KeyPath, part: Part, message: String, remedy: String) {
        let place = self.merged.place(path, part);
        self.problems.push(Problem { place, key: path.to_string(), message, remedy, severity });
    }

    /// Reports the problems of a table, whose keys are seen from `path`.
    pub(in crate::profile) fn table_problems(&mut self, path: &KeyPath, problems: Diagnostics) {
        for problem in problems {
            self.problem(&path.below(&problem.key), Part::Value, problem.message, problem.help);
        }
    }

    /// Whether anything at or below `path` has been reported.
    pub(in crate::profile) fn is_reported(&self, path: &KeyPath) -> bool {
        let (name, below) = (path.to_string(), format!("{path}."));
        self.problems.iter().any(|problem| problem.key == name || problem.key.starts_with(&below))
    }

    /// The names in `[vaults]` or `[modules]`, in the file's order, those with problems included.
    pub(in crate::profile) fn names(&self, table: &str) -> Vec<String> {
        self.merged.names(table)
    }

    /// What is left of the table `[table.name]`.
    pub(in crate::profile) fn table(&self, table: &str, name: &str) -> Option<Dict> {
        let Some(Value::Dict(_, tables)) = self.values.get(table) else { return None };
        let Some(Value::Dict(_, keys)) = tables.get(name) else { return None };
        Some(keys.clone())
    }

    /// Reads a table; its problems are reported, unless all of them echo what the shape's check has told.
    pub(in crate::profile) fn read<T: DeserializeOwned>(&mut self, path: &KeyPath, keys: Dict) -> Option<T> {
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
}

/// Values as TOML; they came from TOML, so nothing is lost.
pub(super) fn toml_table(keys: Dict) -> toml::Table {
    keys.into_iter().filter_map(|(key, value)| Some((key, toml::Value::try_from(value).ok()?))).collect()
}
