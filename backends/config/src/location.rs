//! Where a setting is written.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// What a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Origin {
    /// A file. For a profile inside the binary, `embedded:NAME`.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command-line flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "environment variable {}", variable.escape_debug()),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Where a setting is written: an origin, and in a file a line and a column.
///
/// Sorts by origin, then by line and column. Prints as `profiles/dev.toml:12:1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// What the setting comes from.
    pub origin: Origin,
    /// The line in the file, counted from 1. `None` for a variable, a flag, or a file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in the line, counted from 1 in characters. `None` if the line as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Location {
    /// The file at `path` as a whole.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Origin::File(path.as_ref().to_owned()).into()
    }

    /// The environment variable `name`.
    pub fn environment(name: impl Into<String>) -> Self {
        Origin::Environment(name.into()).into()
    }

    /// The command-line flag `name`, with its dashes.
    pub fn flag(name: impl Into<String>) -> Self {
        Origin::Flag(name.into()).into()
    }
}

impl From<Origin> for Location {
    /// The origin as a whole.
    fn from(origin: Origin) -> Self {
        Self { origin, line: None, column: None }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        Ok(())
    }
}
