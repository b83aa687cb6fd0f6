//! Modules that are down, and manifests that are not used, because something is wrong with them.

use std::fmt;

use cofferdam_config::{Diagnostics, Shown};
use serde::Serialize;

use crate::manifest::InvalidManifest;

/// A manifest that cannot be used, and the module that is down because of it. Other modules are unaffected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenManifest {
    /// The module of the profile that is down; `None` if no module uses the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The file of the manifest; `catalogue/NAME.toml` for one inside the binary.
    pub file: String,
    /// Everything that is wrong, by location. Never empty. A setting that the profile lacks has no location.
    pub problems: Diagnostics,
}

impl BrokenManifest {
    /// An invalid manifest, which `module` uses.
    pub(super) fn invalid(module: Option<&str>, manifest: InvalidManifest) -> Self {
        let InvalidManifest { file, diagnostics } = manifest;
        Self { module: module.map(str::to_owned), file, problems: diagnostics }
    }

    /// A valid manifest in `file`, which `module` cannot use.
    pub(super) fn unusable(module: &str, file: &str, problems: Diagnostics) -> Self {
        Self { module: Some(module.to_owned()), file: file.to_owned(), problems }
    }
}

impl Shown for BrokenManifest {}

impl fmt::Display for BrokenManifest {
    /// One diagnostic a line: `modules/acme.toml:12:1  tools.add.select: …; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}
