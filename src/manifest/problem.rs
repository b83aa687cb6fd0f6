//! What is wrong with a manifest: where it stands, what was found, what would be right.

use serde::Serialize;

/// One thing that is wrong with a manifest. Quotes names and keys, never a value that could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestProblem {
    /// The line in the file, from 1; `None` where the file as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The key with dots between nested ones (`tools.create_issue.request.path`); empty for the whole manifest.
    pub key: String,
    /// What was found, and why it cannot be.
    pub message: String,
    /// What would be right.
    pub remedy: String,
}

impl ManifestProblem {
    /// A problem of the file as a whole.
    pub(crate) fn whole(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line: None, key: String::new(), message: message.into(), remedy: remedy.into() }
    }
}

/// A manifest that cannot be used.
#[derive(Debug)]
pub(super) struct ManifestError {
    /// Its name, if it could be read.
    pub(super) name: Option<String>,
    /// Everything that is wrong with it, by line. Never empty.
    pub(super) problems: Vec<ManifestProblem>,
}

/// A manifest of the library that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidManifest {
    /// The file's path; `catalogue/NAME.toml` for one inside the binary.
    pub file: String,
    /// Everything that is wrong with it, by line. Never empty.
    pub problems: Vec<ManifestProblem>,
}
