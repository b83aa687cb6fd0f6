//! The values of a profile, and what is wrong with them.

use cofferdam_config::document::Part;
use cofferdam_config::{Diagnostic, Diagnostics, KeyPath, Text};
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

use crate::broker::backends::read_table;
use crate::profile::overrides::Merged;

/// The values of a profile, and what is wrong with them so far.
#[derive(Debug)]
pub(in crate::profile) struct Report {
    merged: Merged,
    /// The merged values without those that have a wrong type.
    values: Dict,
    diagnostics: Diagnostics,
}

impl Report {
    /// The valid `values` of `merged`, and what is wrong with the others.
    pub(in crate::profile) fn new(merged: Merged, values: Dict, diagnostics: Diagnostics) -> Self {
        Self { merged, values, diagnostics }
    }

    /// Everything that is wrong, by location.
    pub(in crate::profile) fn into_diagnostics(self) -> Diagnostics {
        self.diagnostics.sorted()
    }

    /// Reports an error about the value at `path`.
    pub(super) fn value_error(&mut self, path: &KeyPath, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(path, Part::Value, Diagnostic::error("", message, help));
    }

    /// Reports an error about the key at `path`.
    pub(super) fn key_error(&mut self, path: &KeyPath, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(path, Part::Key, Diagnostic::error("", message, help));
    }

    /// Reports a warning about the key at `path`.
    pub(super) fn warning(&mut self, path: &KeyPath, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(path, Part::Key, Diagnostic::warning("", message, help));
    }

    /// The value of `result`. Its error is reported at the value at `path`.
    pub(super) fn take<T>(&mut self, path: &KeyPath, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|found| self.push(path, Part::Value, found)).ok()
    }

    /// Reports the diagnostics about a table, whose keys are below `path`.
    pub(super) fn extend(&mut self, path: &KeyPath, diagnostics: Diagnostics) {
        for found in diagnostics {
            self.push(&path.below(&found.key), Part::Value, found);
        }
    }

    fn push(&mut self, path: &KeyPath, part: Part, found: Diagnostic) {
        self.diagnostics.push(self.merged.locate(path, part, found));
    }

    /// The keys of what has been reported.
    pub(super) fn reported_keys(&self) -> impl Iterator<Item = &str> {
        self.diagnostics.iter().map(|found| found.key.as_str())
    }

    /// Whether anything at or below `path` has been reported.
    pub(super) fn is_reported(&self, path: &KeyPath) -> bool {
        let (name, below) = (path.to_string(), format!("{path}."));
        self.reported_keys().any(|key| key == name || key.starts_with(&below))
    }

    /// The names in `[vaults]` or `[modules]`, in the file's order, those with errors included.
    pub(super) fn names(&self, table: &str) -> Vec<String> {
        self.merged.names(table)
    }

    /// The valid values of the table `[table]`.
    pub(super) fn section(&self, table: &str) -> Option<&Dict> {
        match self.values.get(table) {
            Some(Value::Dict(_, keys)) => Some(keys),
            _ => None,
        }
    }

    /// The valid values of the table `[table.name]`.
    pub(super) fn table(&self, table: &str, name: &str) -> Option<Dict> {
        match self.section(table)?.get(name) {
            Some(Value::Dict(_, keys)) => Some(keys.clone()),
            _ => None,
        }
    }

    /// Deserializes a table. Its errors are reported, unless they only follow from what the validation has reported.
    pub(super) fn read<T: DeserializeOwned>(&mut self, path: &KeyPath, keys: Dict) -> Option<T> {
        match read_table(toml_table(keys)) {
            Ok(read) => Some(read),
            Err(diagnostics) => {
                if !self.is_reported(path) {
                    self.extend(path, diagnostics);
                }
                None
            }
        }
    }
}

/// Values as TOML. They came from TOML, so nothing is lost.
pub(super) fn toml_table(keys: Dict) -> toml::Table {
    keys.into_iter().filter_map(|(key, value)| Some((key, toml::Value::try_from(value).ok()?))).collect()
}
