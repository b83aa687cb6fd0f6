//! Names that every store accepts: no backend ever receives `..`, an empty segment or a control character.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cofferdam_config::{Shown, Text, quote};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The longest segment, in bytes.
const SEGMENT_MAX_BYTES: usize = 64;

/// The path of a secret in a vault: segments of `[a-z0-9][a-z0-9_-]{0,63}`, printed with `/` between them.
///
/// ```
/// use cofferdam_vault::SecretPath;
///
/// let path: SecretPath = "github/work".parse().unwrap();
/// assert_eq!(path.segments().collect::<Vec<_>>(), ["github", "work"]);
/// assert!("github/../aws".parse::<SecretPath>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretPath(Arc<str>);

impl SecretPath {
    /// The segment of a user: a digest of (issuer, subject), so that no two users can meet in one path,
    /// whatever characters an identity provider puts into its names.
    ///
    /// 160 bits of SHA-256 in hexadecimal. The issuer's length is part of what is hashed, so that no
    /// split of one string into issuer and subject collides with another.
    pub fn user_segment(issuer: &str, subject: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update((issuer.len() as u64).to_be_bytes());
        digest.update(issuer.as_bytes());
        digest.update(subject.as_bytes());
        Self(format!("u{}", hex(&digest.finalize()[..20])).into())
    }

    /// This path followed by the segments of `below`.
    #[must_use]
    pub fn join(&self, below: &SecretPath) -> Self {
        Self(format!("{self}/{below}").into())
    }

    /// The segments, first to last. There is at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The whole path with `/` between its segments.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this path is `prefix` or lies below it, segment by segment.
    pub fn starts_with(&self, prefix: &SecretPath) -> bool {
        self.0.strip_prefix(&*prefix.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for SecretPath {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        for segment in text.split('/') {
            check_segment(segment)?;
        }
        Ok(Self(text.into()))
    }
}

fn check_segment(segment: &str) -> Result<(), InvalidName> {
    let invalid = |why| InvalidName { name: quote::named("path segment", segment), why };
    if segment.is_empty() {
        return Err(invalid("is empty"));
    }
    if segment.len() > SEGMENT_MAX_BYTES {
        return Err(invalid("is longer than 64 bytes"));
    }
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = segment.as_bytes();
    if !lower(bytes[0]) {
        return Err(invalid("must begin with a-z or 0-9"));
    }
    if !bytes.iter().all(|&b| lower(b) || b == b'_' || b == b'-') {
        return Err(invalid("may hold only a-z, 0-9, `_` and `-`"));
    }
    Ok(())
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretPath({})", self.0)
    }
}

/// The name of one field of a secret: `[A-Za-z_][A-Za-z0-9_.-]{0,63}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldName(Arc<str>);

impl FieldName {
    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FieldName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = |why| InvalidName { name: quote::named("field name", text), why };
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(invalid("is empty"));
        }
        if bytes.len() > SEGMENT_MAX_BYTES {
            return Err(invalid("is longer than 64 bytes"));
        }
        if !(bytes[0].is_ascii_alphabetic() || bytes[0] == b'_') {
            return Err(invalid("must begin with a letter or `_`"));
        }
        if !bytes.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
            return Err(invalid("may hold only letters, digits, `_`, `-` and `.`"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldName({})", self.0)
    }
}

/// A name that no [`SecretPath`] or [`FieldName`] can have. The message quotes it by the rule of [`quote`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {why}")]
pub struct InvalidName {
    name: Text,
    why: &'static str,
}

impl Shown for SecretPath {}

impl Shown for FieldName {}

impl Shown for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_accepts_only_what_every_store_can_hold() {
        for good in ["github", "github/work", "0a/b_c/d-e", &"a".repeat(64)] {
            assert_eq!(good.parse::<SecretPath>().map(|p| p.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "..",
            "a/../b",
            "A",
            "a b",
            "-a",
            "_a",
            "a\n",
            "ä",
            "a%2fb",
            "a\0",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<SecretPath>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let path: SecretPath = "github/work".parse().unwrap();
        assert!(path.starts_with(&"github".parse().unwrap()));
        assert!(path.starts_with(&path));
        assert!(!path.starts_with(&"git".parse().unwrap()));
        assert!(!path.starts_with(&"github/work/more".parse().unwrap()));
    }

    #[test]
    fn users_never_meet() {
        assert_ne!(SecretPath::user_segment("ab", "c"), SecretPath::user_segment("a", "bc"));
        let segment = SecretPath::user_segment("https://id.example", "Zoë/..");
        assert_eq!(segment.as_str().parse(), Ok(segment.clone()));
        assert_eq!(segment.segments().count(), 1);
    }

    #[test]
    fn paths_are_joined_segment_by_segment() {
        let joined = "team".parse::<SecretPath>().unwrap().join(&"github/work".parse().unwrap());
        assert_eq!(joined.segments().collect::<Vec<_>>(), ["team", "github", "work"]);
    }

    #[test]
    fn an_error_quotes_only_what_is_harmless() {
        let message = |text: &str| text.parse::<SecretPath>().unwrap_err().to_string();
        assert_eq!(message("GitHub"), "path segment \"GitHub\" must begin with a-z or 0-9");
        assert_eq!(message("a\u{1b}[2J"), "this path segment may hold only a-z, 0-9, `_` and `-`");
    }

    #[test]
    fn a_field_name_begins_with_a_letter() {
        for good in ["token", "Client_ID", "client-secret", "_x", "private.key"] {
            assert!(good.parse::<FieldName>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "a b", "a=b", "a\n", "é"] {
            assert!(bad.parse::<FieldName>().is_err(), "{bad:?}");
        }
    }
}
