//! What is wrong with a manifest: where it stands, what was found, what would be right.

use std::fmt;

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
    pub(in crate::registry) fn whole(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line: None, key: String::new(), message: message.into(), remedy: remedy.into() }
    }
}

/// A manifest that is refused, and what it takes with it. The others are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenManifest {
    /// The module of the profile that it takes down; `None` where no module uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The file's path; `catalogue/NAME.toml` for one inside the binary.
    pub file: String,
    /// Everything that is wrong with it, by line. Never empty.
    pub problems: Vec<ManifestProblem>,
}

impl fmt::Display for BrokenManifest {
    /// One problem a line: `modules/acme.toml:12  tools.add.select: …; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&self.file)?;
            if let Some(line) = problem.line {
                write!(f, ":{line}")?;
            }
            f.write_str("  ")?;
            if !problem.key.is_empty() {
                write!(f, "{}: ", problem.key)?;
            }
            write!(f, "{}; {}", problem.message, problem.remedy)?;
        }
        Ok(())
    }
}
