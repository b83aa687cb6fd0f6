//! Keys: their paths, and which are named like one that holds a secret.

use std::fmt;

use crate::{Text, quote};

/// The path of a key: `vaults`, `notes`, `file`. An entry of a list is its index.
///
/// Prints with dots between the keys, and quotes a key that is not bare: `vaults."a.b"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path of `keys`, outermost first.
    pub fn new<I: IntoIterator<Item: Into<String>>>(keys: I) -> Self {
        Self(keys.into_iter().map(Into::into).collect())
    }

    /// This path and `key` below it.
    #[must_use]
    pub fn child(&self, key: impl fmt::Display) -> Self {
        let mut keys = self.0.clone();
        keys.push(key.to_string());
        Self(keys)
    }

    /// This path and the dotted `key` below it, as a [`Diagnostic`](crate::Diagnostic) has it.
    #[must_use]
    pub fn below(&self, key: &str) -> Self {
        let mut keys = self.0.clone();
        keys.extend(key.split('.').filter(|part| !part.is_empty()).map(str::to_owned));
        Self(keys)
    }

    /// The path without its last key; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// The keys, outermost first.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// Whether this is `other` or lies below it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The path by the rule of [`quote::key`].
    pub fn shown(&self) -> Text {
        quote::key(&self.to_string())
    }

    /// Whether one of the keys [looks as if it held a secret](looks_secret). A value at such a path is never quoted.
    pub fn looks_secret(&self) -> bool {
        self.0.iter().any(|key| looks_secret(key))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !key.is_empty() && key.chars().all(bare) {
                f.write_str(key)?;
            } else {
                write!(f, "\"{}\"", key.escape_debug())?;
            }
        }
        Ok(())
    }
}

/// Whether a key is named like one that holds a secret: one of its words says so, and none says that it holds the path
/// of a file or the name of a variable instead.
pub fn looks_secret(key: &str) -> bool {
    const SECRET: [&str; 14] = [
        "apikey",
        "bearer",
        "credential",
        "credentials",
        "passphrase",
        "passwd",
        "password",
        "pat",
        "pin",
        "private",
        "pwd",
        "secret",
        "token",
        "tokens",
    ];
    const INDIRECT: [&str; 5] = ["env", "file", "path", "ttl", "url"];
    let key = key.to_ascii_lowercase();
    let words = || key.split(['_', '-', '.']);
    let secret =
        words().any(|word| SECRET.contains(&word)) || key.contains("api_key") || key.contains("api-key");
    secret && !words().any(|word| INDIRECT.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_names_a_file_is_not_a_secret() {
        for secret in ["token", "secret_id", "api_key", "passphrase", "db-password", "Token"] {
            assert!(looks_secret(secret), "{secret}");
        }
        for harmless in ["secret_id_file", "passphrase_file", "token_env", "address", "missing_ttl", "path"] {
            assert!(!looks_secret(harmless), "{harmless}");
        }
    }

    #[test]
    fn a_key_that_is_not_bare_is_quoted_and_escaped() {
        assert_eq!(KeyPath::new(["vaults", "a.b", "\u{1b}x"]).to_string(), r#"vaults."a.b"."\u{1b}x""#);
    }
}
