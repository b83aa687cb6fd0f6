//! Keys of a profile: their paths, which names are allowed, and which look as if they hold a secret.

use std::fmt;

/// The path of a key: `vaults`, `notes`, `file`. An entry of a list is its index.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path of `keys`, outermost first.
    pub(super) fn of<I: IntoIterator<Item: Into<String>>>(keys: I) -> Self {
        Self(keys.into_iter().map(Into::into).collect())
    }

    /// This path and `key` below it.
    pub(super) fn child(&self, key: impl fmt::Display) -> Self {
        let mut keys = self.0.clone();
        keys.push(key.to_string());
        Self(keys)
    }

    /// This path and a backend's dotted `key` below it.
    pub(super) fn below(&self, key: &str) -> Self {
        let mut keys = self.0.clone();
        keys.extend(key.split('.').filter(|part| !part.is_empty()).map(str::to_owned));
        Self(keys)
    }

    /// The path without its last key; `None` at the root.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// The keys, outermost first.
    pub(super) fn keys(&self) -> &[String] {
        &self.0
    }

    /// Whether this is `other` or lies below it.
    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Whether a value at this path must never be shown: one of its keys looks as if it held a secret.
    pub(super) fn looks_secret(&self) -> bool {
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

/// The names that vaults, modules and accounts may have: those that fit a segment of a secret's path.
pub(super) const NAME_PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

/// Whether `name` fits [`NAME_PATTERN`].
pub(super) fn is_name(name: &str) -> bool {
    !name.contains('/') && name.parse::<cofferdam_vault::SecretPath>().is_ok()
}

/// Whether a key is named like one that holds secret text: a word of it says so, and none says that it holds
/// a file's path or a variable's name instead.
pub(super) fn looks_secret(key: &str) -> bool {
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

/// The same text for names that differ only in case or by `-` and `_`.
pub(super) fn folded(key: &str) -> String {
    key.to_ascii_lowercase().replace('-', "_")
}

/// The one of `known` that `found` was probably meant to be; `None` where nothing is near.
pub(super) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // More than a third of the letters wrong is another word. One wrong is always worth a question.
    let reach = (found.chars().count() / 3).max(1);
    let found = folded(found);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&found, &folded(name)), name))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `` `a`, `b` `` for messages; `none` where there is nothing.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{}`", name.escape_debug())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_names_a_file_is_no_secret() {
        for secret in ["token", "secret_id", "api_key", "passphrase", "db-password", "Token"] {
            assert!(looks_secret(secret), "{secret}");
        }
        for harmless in ["secret_id_file", "passphrase_file", "token_env", "address", "missing_ttl", "path"] {
            assert!(!looks_secret(harmless), "{harmless}");
        }
    }

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("bakend", ["backend", "file"]), Some("backend"));
        assert_eq!(nearest("github_vault", ["github-vault", "notes"]), Some("github-vault"));
        assert_eq!(nearest("zebra", ["backend", "file"]), None);
    }

    #[test]
    fn a_strange_key_is_quoted_and_escaped() {
        assert_eq!(KeyPath::of(["vaults", "a.b", "\u{1b}x"]).to_string(), r#"vaults."a.b"."\u{1b}x""#);
    }
}
