//! The settings that a vault works with, with resolved paths.

use std::fmt;
use std::path::PathBuf;

use cofferdam_vault::VaultContext;
use cofferdam_vault::process::Environment;

use crate::config::{Config, SEARCH_PATH};
use crate::format::Format;

/// The program, if the profile names none.
const PROGRAM: &str = "sops";

/// The resolved settings.
pub(crate) struct Settings {
    pub(crate) file: PathBuf,
    pub(crate) format: Format,
    pub(crate) age_key_file: Option<PathBuf>,
    pub(crate) program: String,
    /// The names of variables.
    variables: Vec<String>,
    /// The profile's folder.
    pub(crate) folder: PathBuf,
}

impl Settings {
    pub(crate) fn new(config: Config, context: &VaultContext) -> Self {
        Self {
            // What is wrong with the settings was refused by `check`.
            format: Format::of(&config.file).unwrap_or(Format::ReadOnlyTables),
            file: context.resolve(&config.file),
            age_key_file: config.age_key_file.map(|path| context.resolve(&path)),
            program: config.program.unwrap_or_else(|| PROGRAM.to_owned()),
            variables: config.env.unwrap_or_default(),
            folder: context.base_dir.clone(),
        }
    }

    /// The environment of `sops`, as it is now.
    pub(crate) fn environment(&self) -> Environment {
        let environment = Environment::of_this_process(self.variables.iter().map(String::as_str));
        match &self.age_key_file {
            Some(file) => environment.with("SOPS_AGE_KEY_FILE", file),
            None => environment,
        }
    }

    /// Whether keys may be outside of this machine, so that they may be out of reach for a time.
    pub(crate) fn has_other_keys(&self) -> bool {
        self.variables.iter().any(|name| name != SEARCH_PATH)
    }

    /// What opens the document, for a log.
    pub(crate) fn sources(&self) -> Vec<String> {
        let key = self.age_key_file.as_ref().map(|file| format!("the age key file {}", file.display()));
        let others =
            (!self.variables.is_empty()).then(|| format!("{} of the environment", self.variables.join(", ")));
        key.into_iter().chain(others).collect()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("file", &self.file)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
