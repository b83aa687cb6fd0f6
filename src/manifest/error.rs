//! Manifests that cannot be used.

use cofferdam_config::Diagnostics;

/// Why a manifest cannot be used.
#[derive(Debug)]
pub(super) struct ManifestError {
    /// The manifest's name, if it could be read.
    pub(super) name: Option<String>,
    /// Everything that is wrong with it, by location. Never empty.
    pub(super) diagnostics: Diagnostics,
}

/// A manifest of the library that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidManifest {
    /// The file's path; `catalogue/NAME.toml` for one inside the binary.
    pub file: String,
    /// Everything that is wrong with it, by location. Never empty.
    pub diagnostics: Diagnostics,
}
