//! The arguments of a tool: a `request` uses each of them exactly once.

use std::collections::BTreeMap;

use cofferdam_config::{Diagnostics, Text, quote, text};

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
    diagnostics: Diagnostics,
}

impl<'a> Checker<'a> {
    pub(super) fn new(declared: &'a [DeclaredArgument<'a>]) -> Self {
        Self { declared, used: BTreeMap::new(), diagnostics: Diagnostics::new() }
    }

    /// Records that `key` uses the argument `name`.
    pub(super) fn uses(&mut self, key: &str, name: &str, position: Position) {
        let Some(argument) = self.declared.iter().find(|argument| argument.name == name) else {
            let argument = quote::named("argument", name);
            let help = "declare it: `input.properties.NAME = { … }`";
            return self.error(key, text!("uses {argument}, which the tool does not declare"), help);
        };
        if position == Position::Embedded && !argument.required {
            self.error(
                key,
                text!("contains {}, which a call may omit", quote::named("argument", name)),
                "add it to `input.required`; only a whole value may be absent",
            );
        }
        if let Some(first) = self.used.insert(name.to_owned(), key.to_owned()) {
            self.error(
                key,
                text!("uses {}, which `{}` uses already", quote::named("argument", name), quote::key(&first)),
                "use each argument once",
            );
        }
    }

    pub(super) fn error(&mut self, key: impl Into<String>, message: impl Into<Text>, help: impl Into<Text>) {
        self.diagnostics.error(key, message, help);
    }

    /// Everything that is wrong, unused arguments included.
    pub(super) fn finish(mut self) -> Diagnostics {
        for argument in self.declared {
            if !self.used.contains_key(argument.name) {
                self.diagnostics.error(
                    "",
                    text!("{} is declared and not used", quote::named("argument", argument.name)),
                    "use it in the path, the query, a header or the body, or remove its declaration",
                );
            }
        }
        self.diagnostics
    }
}
