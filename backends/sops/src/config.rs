//! The keys of a `[vaults.NAME]` table with `backend = "sops"`, and their checks.

use std::path::PathBuf;

use cofferdam_config::{Diagnostics, quote};
use cofferdam_vault::ConfiguredFile;
use cofferdam_vault::process::check_variable_names;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::format::Format;

/// The variable that holds no key.
pub(crate) const SEARCH_PATH: &str = "PATH";

/// Settings of a vault that is one SOPS document. Relative paths are relative to the profile's file.
// No `Debug`: a key may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The document, which must exist: `.yaml`, `.yml` or `.json`, which can be written; `.ini` or `.env`, which are
    /// read-only.
    pub file: PathBuf,
    /// The age identities that open the document, as `age-keygen` writes them. Absent: `env` names what opens it.
    pub age_key_file: Option<PathBuf>,
    /// The names of the environment variables that `sops` is given, of those that this server has, for keys that are not in
    /// `age_key_file`: `["HOME", "GNUPGHOME"]`, `["AWS_PROFILE", "HOME"]`. Every other is removed. `PATH` is
    /// `/usr/local/bin:/usr/bin:/bin` unless it is named here. Absent: none.
    pub env: Option<Vec<String>>,
    /// The program: a name that is searched in `PATH`, or a path. Absent: `sops`.
    pub program: Option<String>,
}

impl Config {
    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        if Format::of(&self.file).is_none() {
            let help = "name a file that ends with .yaml, .yml, .json, .ini or .env";
            found.error("file", "is not the path of a SOPS document that can be read", help);
        }
        match &self.age_key_file {
            Some(path) => found.extend(ConfiguredFile::check("age_key_file", path)),
            None if self.env.iter().flatten().all(|name| name == SEARCH_PATH) => found.error(
                "age_key_file",
                "is missing: no key opens the document",
                "set it, or name the variables of another key in `env`",
            ),
            None => {}
        }
        check_variable_names(self.env.iter().flatten(), &mut found);
        match self.program.as_deref() {
            Some("") => found.error("program", "the path is empty", "name the program, or remove the key"),
            Some(program) if quote::looks_like_a_credential(program) => {
                found.error("program", "is not a program", "name a program; treat this value as compromised");
            }
            _ => {}
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(settings: &str) -> Vec<String> {
        let config: Config = toml::from_str(settings).map_err(|error| error.message().to_owned()).unwrap();
        let found = config.diagnostics();
        assert!(!format!("{found:?}").to_lowercase().contains("canary"), "{found:?}");
        found.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn each_problem_names_its_key() {
        for (settings, expected) in [
            ("file = 's.enc.yaml'\nage_key_file = 'k'", &[][..]),
            ("file = 's.json'\nenv = ['HOME', 'GNUPGHOME']", &[]),
            ("file = 's.env'\nage_key_file = 'k'\nprogram = '/opt/sops'", &[]),
            ("file = 's.yaml'", &["age_key_file"]),
            ("file = 's.yaml'\nenv = []", &["age_key_file"]),
            ("file = 's.yaml'\nenv = ['PATH']", &["age_key_file"]),
            ("file = ''\nage_key_file = ''", &["file", "age_key_file"]),
            ("file = 's.txt'\nage_key_file = 'k'", &["file"]),
            ("file = 's.yaml'\nage_key_file = 'AGE-SECRET-KEY-1CANARY'", &["age_key_file"]),
            ("file = 's.yaml'\nenv = ['SOPS_AGE_KEY=CANARY/1']", &["env"]),
            ("file = 's.yaml'\nage_key_file = 'k'\nprogram = ''", &["program"]),
        ] {
            assert_eq!(keys(settings), expected, "{settings}");
        }
        assert!(toml::from_str::<Config>("file = 's.yaml'\nkey = 'x'").is_err());
    }
}
