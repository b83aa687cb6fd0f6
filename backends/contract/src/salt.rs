//! The salt of a secret in a store without versions, and the version that follows from it.
//!
//! A version must change with the secret, and must not help to guess it, because it is printed and logged. So the store
//! keeps 128 random bits beside the fields, new with every write. The version is a digest of salt, path and fields. It is
//! the same for every process, changes with an edit by hand too, and tests no guess without the salt, which is as secret as
//! the fields. An attacker gains nothing by forging a version, so a salted digest is enough where a keyed one would be
//! usual.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::hex::{from_hex, hex};
use crate::{ErrorKind, SecretPath, VaultError, Version};

/// The length of a salt, in bytes.
const BYTES: usize = 16;

/// 128 random bits that are new with every write of a secret. Printed redacted.
pub struct Salt([u8; BYTES]);

impl Salt {
    /// A new salt.
    ///
    /// # Errors
    ///
    /// `Unavailable` (vault) if the system has no random bytes.
    pub fn random() -> Result<Self, VaultError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| {
            VaultError::vault(ErrorKind::Unavailable, "the system returned no random bytes; try again later")
        })?;
        Ok(Self(bytes))
    }

    /// Parses the output of [`Salt::to_hex`]; `None` for anything else. A shorter text would be a salt that can be guessed.
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// The salt as it is stored: 32 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// The version of the secret at `path` with these `fields`, which are in the order of their names.
    pub fn version<'a>(
        &self,
        path: &SecretPath,
        fields: impl IntoIterator<Item = (&'a str, &'a SecretString)>,
    ) -> Version {
        let mut digest = Sha256::new();
        // With its length, so that different lists of strings have different digests.
        let mut put = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        };
        put(&self.to_hex());
        put(path.as_str());
        for (name, value) in fields {
            put(name);
            put(value.expose_secret());
        }
        Version::from_digest(digest.finalize().into())
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{fields, path};

    #[test]
    fn a_version_changes_with_salt_path_and_fields() {
        let version = |salt: u8, at: &str, pairs: &[(&str, &str)]| {
            let fields = fields(pairs.iter().copied());
            Salt([salt; BYTES]).version(&path(at), fields.iter().map(|(name, value)| (name.as_str(), value)))
        };
        let base = version(1, "a/b", &[("ab", "c")]);
        assert_eq!(version(1, "a/b", &[("ab", "c")]), base);
        assert_ne!(version(2, "a/b", &[("ab", "c")]), base);
        assert_ne!(version(1, "a/c", &[("ab", "c")]), base);
        assert_ne!(version(1, "a/b", &[("a", "bc")]), base);
        assert_ne!(version(1, "a/b", &[("ab", "c"), ("d", "")]), base);
    }

    #[test]
    fn a_salt_is_parsed_and_nothing_shorter() {
        let salt = Salt::random().unwrap();
        assert_eq!(Salt::from_hex(&salt.to_hex()).map(|parsed| parsed.0), Some(salt.0));
        for wrong in ["", "00", &"g".repeat(32), &"0".repeat(31), &"0".repeat(33)] {
            assert!(Salt::from_hex(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{salt:?}").contains(&salt.to_hex()));
    }
}
