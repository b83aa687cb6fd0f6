//! The keys of a `[vaults.NAME]` table with `backend = "file"`.

use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::{BackendConfig, Vault, VaultContext};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::backend::FileVault;

/// A folder of files, as Kubernetes and Docker mount secrets. Read-only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder, relative to the profile's: for example `/run/secrets`. Field `token` of `github/work` is the file
    /// `github/work/token` below it, or the file `github.work.token` in it. While the folder is missing, the whole vault
    /// is down.
    pub folder: PathBuf,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "file";

    fn check(&self) -> Diagnostics {
        if self.folder.as_os_str().is_empty() {
            let remedy = "name a folder, for example \"/run/secrets\"";
            return Diagnostic::error("folder", "the path is empty", remedy).into();
        }
        Diagnostics::new()
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        Arc::new(FileVault::new(context.resolve(&self.folder), context.threads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_told_by_key() {
        let config = |text| toml::from_str::<Config>(text);
        assert_eq!(config("folder = '/run/secrets'").unwrap().check(), Diagnostics::new());
        let problems = config("folder = ''").unwrap().check();
        assert_eq!(problems.into_iter().map(|problem| problem.key).collect::<Vec<_>>(), ["folder"]);
        assert!(config("").is_err() && config("folder = '/x'\nlayout = 'flat'").is_err());
    }
}
