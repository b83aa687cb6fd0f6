//! The keys of a `[vaults.NAME]` table with `backend = "file"`, and their checks.

use std::path::PathBuf;

use cofferdam_config::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::Deserialize;

/// A folder of files, as Kubernetes and Docker mount secrets. Read-only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder, relative to the profile's, for example `/run/secrets`. Field `token` of `github/work` is the file
    /// `github/work/token` below it, or the file `github.work.token` in it. While the folder is missing, the whole vault
    /// is down.
    pub folder: PathBuf,
}

impl Config {
    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let empty = self.folder.as_os_str().is_empty();
        let help = "name a folder, for example \"/run/secrets\"";
        empty.then(|| Diagnostic::error("folder", "the path is empty", help)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_reported_by_key() {
        let config = |text| toml::from_str::<Config>(text);
        assert!(config("folder = '/run/secrets'").unwrap().diagnostics().is_empty());
        let problems = config("folder = ''").unwrap().diagnostics();
        assert_eq!(problems.into_iter().map(|problem| problem.key).collect::<Vec<_>>(), ["folder"]);
        assert!(config("").is_err() && config("folder = '/x'\nlayout = 'flat'").is_err());
    }
}
