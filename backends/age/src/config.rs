//! The keys of a `[vaults.NAME]` table with `backend = "age"`, and their checks.

use std::path::{Path, PathBuf};

use cofferdam_config::{Diagnostics, text};
use cofferdam_vault::{ConfiguredFile, VaultContext};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

use crate::settings::{KeySource, Settings};

/// Settings of a vault that is one age file. Relative paths are relative to the profile's file.
///
/// Exactly one of `identity_file`, `passphrase_file` and `passphrase` names the keys that open the file.
// No `Debug`: a key may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The vault file. Reading fails if it does not exist; the first write creates it.
    pub file: PathBuf,
    /// The identities that open the file: the output of `age-keygen`, or one ssh private key (ed25519, rsa). Absent: the
    /// file is encrypted with a passphrase.
    pub identity_file: Option<PathBuf>,
    /// A file with the passphrase that opens the vault file. One line break at its end is ignored.
    pub passphrase_file: Option<PathBuf>,
    /// `"ask"`: prompt for the passphrase on the terminal, once. No other value is allowed.
    pub passphrase: Option<Passphrase>,
    /// The public keys that the file is encrypted for, one per line (`age1…`, `ssh-ed25519 …`, `ssh-rsa …`). They must
    /// include the identity's own. Absent: only the identity's own. Not with a passphrase.
    pub recipients_file: Option<PathBuf>,
    /// Whether the file is written as ASCII (armored). Absent: the format is kept; a new file is binary.
    pub armor: Option<bool>,
}

/// The value of the key `passphrase`. Only whether it is `"ask"` is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passphrase {
    /// `"ask"`.
    Ask,
    /// Another value, which is refused.
    Other,
}

impl<'de> Deserialize<'de> for Passphrase {
    /// Accepts a value of any type, so that no type error prints a passphrase.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match toml::Value::deserialize(deserializer)? {
            toml::Value::String(mut text) => {
                let ask = text == "ask";
                text.zeroize();
                if ask { Self::Ask } else { Self::Other }
            }
            _ => Self::Other,
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

impl Config {
    /// The settings with paths relative to the profile's folder.
    pub(crate) fn resolve(self, context: &VaultContext) -> Settings {
        let resolve = |path: PathBuf| context.resolve(&path);
        Settings {
            file: resolve(self.file),
            // `problems` is empty, so the third case is `passphrase = "ask"`.
            keys: match (self.identity_file, self.passphrase_file) {
                (Some(path), _) => KeySource::IdentityFile(resolve(path)),
                (None, Some(path)) => KeySource::PassphraseFile(resolve(path)),
                (None, None) => KeySource::Prompt,
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

    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        found.extend(self.paths().filter_map(|(key, path)| ConfiguredFile::check(key, path)));
        if self.passphrase == Some(Passphrase::Other) {
            found.error(
                "passphrase",
                "must be \"ask\": a profile must not contain secrets",
                "write \"ask\", or put the passphrase into a file and name it in `passphrase_file`",
            );
        }
        let present = [
            ("identity_file", self.identity_file.is_some()),
            ("passphrase_file", self.passphrase_file.is_some()),
            ("passphrase", self.passphrase.is_some()),
        ];
        let mut present = present.into_iter().filter_map(|(key, present)| present.then_some(key));
        match (present.next(), present.next()) {
            (None, _) => found.error(
                "identity_file",
                "is missing: no key opens the file",
                "set one of `identity_file`, `passphrase_file` and `passphrase = \"ask\"`",
            ),
            (Some(first), Some(second)) => found.error(
                second,
                text!("cannot be combined with `{first}`"),
                "keep exactly one of `identity_file`, `passphrase_file` and `passphrase = \"ask\"`",
            ),
            (Some(_), None) => {}
        }
        if self.recipients_file.is_some() && self.identity_file.is_none() {
            found.error(
                "recipients_file",
                "cannot be combined with a passphrase, which allows no other recipients",
                "remove it, or set `identity_file` instead of the passphrase",
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostics(settings: &str) -> Diagnostics {
        toml::from_str::<Config>(settings).map_err(|error| error.message().to_owned()).unwrap().diagnostics()
    }

    #[test]
    fn one_source_of_keys_is_enough() {
        for good in [
            "file = 'v'\nidentity_file = 'k'",
            "file = 'v'\nidentity_file = 'k'\nrecipients_file = 'r'\narmor = true",
            "file = 'v'\npassphrase_file = 'p'",
            "file = 'v'\npassphrase = 'ask'",
        ] {
            assert_eq!(diagnostics(good), Diagnostics::new(), "{good}");
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
            let found: Vec<_> = diagnostics(settings).into_iter().map(|problem| problem.key).collect();
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
            let found = diagnostics(settings);
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
