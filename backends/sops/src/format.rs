//! The formats of documents.

use std::path::Path;

/// How a document stores secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A table for each secret; can be written.
    Tables,
    /// A table for each secret; read-only.
    ReadOnlyTables,
    /// A variable for each field; read-only, and it cannot be listed.
    Variables,
}

impl Format {
    /// The format of a file with this name, as `sops` judges it; `None` if it is none that holds secrets by name.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "yaml" | "yml" | "json" => Some(Self::Tables),
            "ini" => Some(Self::ReadOnlyTables),
            "env" => Some(Self::Variables),
            _ => None,
        }
    }
}
