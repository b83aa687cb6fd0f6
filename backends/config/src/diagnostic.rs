//! One thing that is wrong with a setting.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Location, quote};

/// What follows from a diagnostic. Sorts from harmless to severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A check passed.
    Info,
    /// The settings are accepted, but an operator should know.
    Warning,
    /// The settings are refused, or something fails.
    Error,
}

/// What is wrong with a profile, a manifest or a vault's settings: where, what and why, and what to do next.
///
/// No part ever holds a secret. A value is quoted only by the rule of [`quote`](crate::quote), and a line of a file
/// never, because a line may hold a secret that does not belong there.
///
/// A check makes a diagnostic with the key as it knows it. The caller, who knows the table around it and the file, adds
/// these with [`below`](Self::below) and [`at`](Self::at).
///
/// ```
/// use cofferdam_config::{Diagnostic, Location};
///
/// let found = Diagnostic::error("file", "the path is empty", "name a file, for example \"team.age\"");
/// let found = found.below("vaults.team").at(Location::file("profiles/dev.toml"));
/// assert_eq!(
///     found.to_string(),
///     "profiles/dev.toml  vaults.team.file: the path is empty; name a file, for example \"team.age\""
/// );
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// Where the setting is written. `None` until it is known. Boxed, because a diagnostic is also an error in `Result`s.
    #[serde(flatten)]
    pub location: Option<Box<Location>>,
    /// The key with dots between nested ones (`vaults.notes.file`), or the path of a secret; empty if the diagnostic is
    /// about a table or a vault as a whole. It is printed by the rule of [`quote::key`]: a secret may stand at a key, too.
    #[serde(serialize_with = "serialize_key")]
    pub key: String,
    /// What was found, and why it is wrong.
    pub message: String,
    /// What to do next. Empty only for [`Severity::Info`].
    #[serde(rename = "remedy", skip_serializing_if = "String::is_empty")]
    pub help: String,
    /// What follows from it.
    pub severity: Severity,
}

impl Diagnostic {
    /// An error about `key`.
    pub fn error(key: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            location: None,
            key: key.into(),
            message: message.into(),
            help: help.into(),
            severity: Severity::Error,
        }
    }

    /// A warning about `key`.
    pub fn warning(key: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(key, message, help) }
    }

    /// A check of `key` that passed.
    pub fn info(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, ..Self::error(key, message, "") }
    }

    /// The same diagnostic, with its key below the key `prefix`.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        self.key = match (prefix, self.key.as_str()) {
            ("", _) => self.key,
            (prefix, "") => prefix.to_owned(),
            (prefix, key) => format!("{prefix}.{key}"),
        };
        self
    }

    /// The same diagnostic, located at `location`.
    #[must_use]
    pub fn at(mut self, location: impl Into<Location>) -> Self {
        self.location = Some(Box::new(location.into()));
        self
    }

    /// The diagnostic without its help: `profiles/dev.toml:12:1  vaults.x.bakend: unknown key`.
    ///
    /// For a report that prints the severity and the help by itself.
    pub fn headline(&self) -> impl fmt::Display {
        Headline { diagnostic: self, severity: "" }
    }
}

impl fmt::Display for Diagnostic {
    /// `profiles/dev.toml:12:1  vaults.x.bakend: unknown key; did you mean "backend"?`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, "{}", Headline { diagnostic: self, severity })?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

impl fmt::Debug for Diagnostic {
    /// All fields, the key by the same rule as everywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, key, message, help, severity } = self;
        f.debug_struct("Diagnostic")
            .field("location", location)
            .field("key", &quote::key(key))
            .field("message", message)
            .field("help", help)
            .field("severity", severity)
            .finish()
    }
}

impl std::error::Error for Diagnostic {}

fn serialize_key<S: Serializer>(key: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&quote::key(key))
}

/// Location, severity, key and message.
struct Headline<'a> {
    diagnostic: &'a Diagnostic,
    severity: &'static str,
}

impl fmt::Display for Headline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { location, key, message, .. } = self.diagnostic;
        if let Some(location) = location {
            write!(f, "{location}  ")?;
        }
        f.write_str(self.severity)?;
        if !key.is_empty() {
            write!(f, "{}: ", quote::key(key))?;
        }
        f.write_str(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    fn located(line: Option<usize>) -> Location {
        Location { origin: Origin::File("dev.toml".into()), line, column: line }
    }

    #[test]
    fn a_diagnostic_prints_location_key_message_and_help() {
        let error = Diagnostic::error("file", "the path is empty", "name a file");
        assert_eq!(error.to_string(), "file: the path is empty; name a file");
        let placed = error.clone().below("vaults.notes").at(located(Some(3)));
        assert_eq!(placed.to_string(), "dev.toml:3:3  vaults.notes.file: the path is empty; name a file");
        assert_eq!(placed.headline().to_string(), "dev.toml:3:3  vaults.notes.file: the path is empty");
        let warning = Diagnostic::warning("", "unused", "remove it").below("vaults.notes");
        assert_eq!(warning.to_string(), "warning: vaults.notes: unused; remove it");
        assert_eq!(Diagnostic::info("", "readable").to_string(), "readable");
        let flag = Diagnostic::error("", "not an address", "write one").at(Location::flag("--listen"));
        assert_eq!(flag.to_string(), "--listen  not an address; write one");
    }

    #[test]
    fn no_form_of_a_diagnostic_quotes_a_secret_at_a_key() {
        let secret = "ghp_q7Zp2mXv9LrT4wBnq7Zp2mXv9LrT4wBn1a2b";
        let error = Diagnostic::error(secret, "unknown key", "remove it").below("vaults");
        let json = serde_json::to_string(&error).unwrap();
        for text in [error.to_string(), format!("{error:?}"), error.headline().to_string(), json] {
            assert!(text.contains("vaults.(a key of") && !text.contains(secret), "{text}");
        }
    }

    #[test]
    fn json_keeps_its_field_names() {
        let json = |diagnostic: Diagnostic| serde_json::to_string(&diagnostic).unwrap();
        assert_eq!(
            json(Diagnostic::error("a.b", "wrong", "right").at(located(Some(2)))),
            r#"{"origin":{"kind":"file","name":"dev.toml"},"line":2,"column":2,"key":"a.b","message":"wrong","remedy":"right","severity":"error"}"#
        );
        assert_eq!(
            json(Diagnostic::warning("", "wrong", "right").at(Location::environment("X"))),
            r#"{"origin":{"kind":"environment","name":"X"},"key":"","message":"wrong","remedy":"right","severity":"warning"}"#
        );
        assert_eq!(
            json(Diagnostic::info("", "readable")),
            r#"{"key":"","message":"readable","severity":"info"}"#
        );
    }
}
