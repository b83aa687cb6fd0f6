//! The keys of a `[vaults.NAME]` table with `backend = "env"`, and their checks.

use std::path::PathBuf;

use cofferdam_config::{Diagnostics, quote};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::names;

/// Environment variables and, if named, a `.env` file. Read-only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The prefix of every variable, joined with `_`: with `"ACME"`, `GITHUB_TOKEN` becomes `ACME_GITHUB_TOKEN`. Its case
    /// is kept. Absent: no prefix.
    pub prefix: Option<String>,
    /// A `.env` file for variables that the process does not have, relative to the profile's folder. It is read for each
    /// secret. While it is missing or unreadable, the whole vault is down. Absent: no file.
    pub dotenv: Option<PathBuf>,
}

impl Config {
    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        if let Some(prefix) = &self.prefix
            && let Some(why) = names::invalid_prefix(prefix)
        {
            found.error("prefix", quote::predicate(prefix, why), "write for example \"ACME\"");
        }
        if self.dotenv.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            found.error(
                "dotenv",
                "the path is empty",
                "name a file, for example \".env\", or remove the key",
            );
        }
        found
    }
}
