//! The account of a tool's arguments while its `request` is read: each is used exactly once.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::request::DeclaredArgument;

/// Where an argument stands, and so whether it may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Alone: where it is absent, its place is left out.
    Whole,
    /// In a path, or in the middle of a text: it must be there.
    Inside,
}

/// Collects uses and findings.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    declared: &'a [DeclaredArgument<'a>],
    used: BTreeMap<String, String>,
    findings: Vec<Finding>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(declared: &'a [DeclaredArgument<'a>]) -> Self {
        Self { declared, used: BTreeMap::new(), findings: Vec::new() }
    }

    /// Notes that `key` uses argument `name`.
    pub(super) fn uses(&mut self, key: &str, name: &str, place: Place) {
        let Some(argument) = self.declared.iter().find(|argument| argument.name == name) else {
            self.finding(
                key,
                format!("uses the argument `{name}`, which the tool does not declare"),
                format!("declare it: `input.properties.{name} = {{ … }}`"),
            );
            return;
        };
        if place == Place::Inside && !argument.required {
            self.finding(
                key,
                format!("holds the argument `{name}`, which a call may leave out"),
                format!("add `{name}` to `input.required`; only an argument that stands alone may be absent"),
            );
        }
        if let Some(first) = self.used.insert(name.to_owned(), key.to_owned()) {
            self.finding(
                key,
                format!("uses the argument `{name}`, which `{first}` uses already"),
                "use each argument once",
            );
        }
    }

    pub(super) fn finding(
        &mut self,
        key: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.findings.push(Finding::new(key, message, remedy));
    }

    /// Everything that was found, with the arguments that nothing uses.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        for argument in self.declared {
            if !self.used.contains_key(argument.name) {
                self.findings.push(Finding::new(
                    "",
                    format!("the argument `{}` is declared and not used", argument.name),
                    "use it in the path, the query, a header or the body, or do not declare it",
                ));
            }
        }
        self.findings
    }
}
