//! The keys of a `[vaults.NAME]` table with `backend = "age"`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::{BackendConfig, Vault, VaultContext};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

use crate::backend::AgeVault;
use crate::keys::KeySource;

/// Settings of a vault that is one age file. Relative paths are relative to the profile's file.
///
/// Exactly one of `identity_file`, `passphrase_file` and `passphrase` says what opens the file.
// No `Debug`: a key may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The vault file. One that is not there is an error for who reads; the first write creates it.
    pub file: PathBuf,
    /// The identities that open the file: what `age-keygen` writes, or one ssh private key (ed25519, rsa). Absent: the
    /// file is locked with a passphrase.
    pub identity_file: Option<PathBuf>,
    /// A file that holds the passphrase that opens the file; one line break at its end does not count.
    pub passphrase_file: Option<PathBuf>,
    /// `"ask"`: the passphrase is asked for on the terminal, once. Nothing else may stand here.
    pub passphrase: Option<Passphrase>,
    /// The public keys that the file is written for, one a line (`age1…`, `ssh-ed25519 …`, `ssh-rsa …`); the identity's own
    /// must be among them. Absent: the identity's own alone. Not with a passphrase.
    pub recipients_file: Option<PathBuf>,
    /// Whether the file is written as text (armored). Absent: as it is; a new file is binary.
    pub armor: Option<bool>,
}

/// The value of the key `passphrase`: that it says `"ask"`, or that it says something else, which is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passphrase {
    /// `"ask"`.
    Ask,
    /// A literal, refused.
    Refused,
}

impl<'de> Deserialize<'de> for Passphrase {
    /// Takes a value of any type, so that no error of a type prints what may be a passphrase.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match toml::Value::deserialize(deserializer)? {
            toml::Value::String(mut text) => {
                let ask = text == "ask";
                text.zeroize();
                if ask { Self::Ask } else { Self::Refused }
            }
            _ => Self::Refused,
        })
    }
}

impl JsonSchema for Passphrase {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Passphrase".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": "ask" })
    }
}

/// What a vault works with: the settings with paths seen from the profile's folder.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) file: PathBuf,
    pub(crate) keys: KeySource,
    pub(crate) recipients_file: Option<PathBuf>,
    pub(crate) armor: Option<bool>,
}

impl Config {
    fn settings(self, context: &VaultContext) -> Settings {
        let resolve = |path: PathBuf| context.resolve(&path);
        Settings {
            file: resolve(self.file),
            // Settings with problems do not come this far, so the third case is `passphrase = "ask"`.
            keys: match (self.identity_file, self.passphrase_file) {
                (Some(path), _) => KeySource::IdentityFile(resolve(path)),
                (None, Some(path)) => KeySource::PassphraseFile(resolve(path)),
                (None, None) => KeySource::Ask,
            },
            recipients_file: self.recipients_file.map(resolve),
            armor: self.armor,
        }
    }

    fn paths(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        [
            ("file", Some(&self.file)),
            ("identity_file", self.identity_file.as_ref()),
            ("passphrase_file", self.passphrase_file.as_ref()),
            ("recipients_file", self.recipients_file.as_ref()),
        ]
        .into_iter()
        .filter_map(|(key, path)| path.map(|path| (key, path.as_path())))
    }
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "age";

    fn check(&self) -> Diagnostics {
        let mut problems = Diagnostics::new();
        for (key, path) in self.paths() {
            if path.as_os_str().is_empty() {
                problems.push(Diagnostic::error(key, "is empty", "give the file's path"));
            } else if looks_like_a_key(path) {
                problems.push(Diagnostic::error(
                    key,
                    "is a key itself, not the path of a file",
                    "put the key into a file of mode 0600 and give its path; treat this key as known to others",
                ));
            }
        }
        if self.passphrase == Some(Passphrase::Refused) {
            problems.push(Diagnostic::error(
                "passphrase",
                "is something other than \"ask\"; a passphrase never stands in a profile",
                "say \"ask\", or put the passphrase into a file and name it in `passphrase_file`",
            ));
        }
        let given = [
            ("identity_file", self.identity_file.is_some()),
            ("passphrase_file", self.passphrase_file.is_some()),
            ("passphrase", self.passphrase.is_some()),
        ];
        let mut given = given.into_iter().filter_map(|(key, there)| there.then_some(key));
        match (given.next(), given.next()) {
            (None, _) => problems.push(Diagnostic::error(
                "identity_file",
                "is missing: nothing says what opens the file",
                "set one of `identity_file`, `passphrase_file` and `passphrase = \"ask\"`",
            )),
            (Some(first), Some(second)) => problems.push(Diagnostic::error(
                second,
                format!("stands beside `{first}`"),
                "keep exactly one of `identity_file`, `passphrase_file` and `passphrase = \"ask\"`",
            )),
            (Some(_), None) => {}
        }
        if self.recipients_file.is_some() && self.identity_file.is_none() {
            problems.push(Diagnostic::error(
                "recipients_file",
                "stands beside a passphrase; a file locked with a passphrase has no other recipients",
                "remove it, or set `identity_file` in place of the passphrase",
            ));
        }
        problems
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let settings = self.settings(&context);
        Arc::new(AgeVault::new(settings, context))
    }
}

fn looks_like_a_key(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let start = text.trim_start();
    start.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-")
        || start.starts_with("-----BEGIN")
        || start.starts_with("age1")
        || text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(settings: &str) -> Diagnostics {
        toml::from_str::<Config>(settings).map_err(|error| error.message().to_owned()).unwrap().check()
    }

    #[test]
    fn one_way_to_open_the_file_is_enough() {
        for good in [
            "file = 'v'\nidentity_file = 'k'",
            "file = 'v'\nidentity_file = 'k'\nrecipients_file = 'r'\narmor = true",
            "file = 'v'\npassphrase_file = 'p'",
            "file = 'v'\npassphrase = 'ask'",
        ] {
            assert_eq!(problems(good), Diagnostics::new(), "{good}");
        }
    }

    #[test]
    fn each_problem_names_its_key() {
        for (settings, keys) in [
            ("file = 'v'", &["identity_file"][..]),
            ("file = ''\nidentity_file = 'k'", &["file"]),
            ("file = 'v'\nidentity_file = 'k'\npassphrase_file = 'p'", &["passphrase_file"]),
            ("file = 'v'\npassphrase_file = 'p'\npassphrase = 'ask'", &["passphrase"]),
            ("file = 'v'\npassphrase = 'ask'\nrecipients_file = 'r'", &["recipients_file"]),
            ("file = 'v'\npassphrase = 'x'\nidentity_file = 'k'", &["passphrase", "passphrase"]),
        ] {
            let found: Vec<_> = problems(settings).into_iter().map(|problem| problem.key).collect();
            assert_eq!(found, keys, "{settings}");
        }
    }

    #[test]
    fn a_secret_in_the_profile_is_refused_and_not_printed() {
        for (settings, key) in [
            ("file = 'v'\npassphrase = 'canary hunter'", "passphrase"),
            ("file = 'v'\npassphrase = 57737", "passphrase"),
            ("file = 'v'\npassphrase = ['canary']", "passphrase"),
            ("file = 'v'\nidentity_file = 'AGE-SECRET-KEY-1CANARY'", "identity_file"),
            ("file = 'v'\nidentity_file = \"-----BEGIN OPENSSH PRIVATE KEY-----\\ncanary\"", "identity_file"),
        ] {
            let found = problems(settings);
            assert!(found.iter().any(|problem| problem.key == key), "{settings}");
            let printed = format!("{found:?}").to_lowercase();
            assert!(!printed.contains("canary") && !printed.contains("57737"), "{printed}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Config>("file = 'v'\npath = 'x'").is_err());
    }
}
