//! The arguments of a tool: a `request` uses each of them exactly once.

use std::collections::BTreeMap;

use super::finding::Finding;

/// An argument that a tool declares in its input schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredArgument<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether every call has it.
    pub required: bool,
}

/// How a placeholder is used, which decides whether its argument may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// As a whole value, which is omitted if the argument is absent.
    Whole,
    /// In a path or inside a longer string: the argument must be present.
    Embedded,
}

/// Collects the uses of arguments, and what is wrong with them.
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

    /// Records that `key` uses the argument `name`.
    pub(super) fn uses(&mut self, key: &str, name: &str, position: Position) {
        let Some(argument) = self.declared.iter().find(|argument| argument.name == name) else {
            self.finding(
                key,
                format!("uses the argument `{name}`, which the tool does not declare"),
                format!("declare it: `input.properties.{name} = {{ … }}`"),
            );
            return;
        };
        if position == Position::Embedded && !argument.required {
            self.finding(
                key,
                format!("contains the argument `{name}`, which a call may omit"),
                format!("add `{name}` to `input.required`; only a whole value may be absent"),
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

    /// Everything that is wrong, unused arguments included.
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
