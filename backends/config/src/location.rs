//! Where a setting is written.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::{Shown, Text, quote};

/// What a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Origin {
    /// A file. For a profile inside the binary, `embedded:NAME`.
    File(#[serde(serialize_with = "serialize_path")] PathBuf),
    /// An environment variable.
    Environment(Text),
    /// A command-line flag, with its dashes.
    Flag(Text),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => quote::path(path).fmt(f),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Shown for Origin {}

fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&quote::path(path))
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
    pub fn environment(name: impl Into<Text>) -> Self {
        Origin::Environment(name.into()).into()
    }

    /// The command-line flag `name`, with its dashes.
    pub fn flag(name: impl Into<Text>) -> Self {
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

impl Shown for Location {}
