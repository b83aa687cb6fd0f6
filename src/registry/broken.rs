//! What a manifest that cannot be used takes down.

use std::fmt;

use serde::Serialize;

use crate::manifest::{InvalidManifest, ManifestProblem};

/// A manifest that cannot be used, and the module that is down because of it. Other modules are unaffected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenManifest {
    /// The module of the profile that is down; `None` if no module uses the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The file's path; `catalogue/NAME.toml` for one inside the binary.
    pub file: String,
    /// Everything that is wrong with it, by line. Never empty.
    pub problems: Vec<ManifestProblem>,
}

impl BrokenManifest {
    /// `manifest`, which the module `module` uses.
    pub(super) fn new(module: Option<&str>, manifest: InvalidManifest) -> Self {
        let InvalidManifest { file, problems } = manifest;
        Self { module: module.map(str::to_owned), file, problems }
    }
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
