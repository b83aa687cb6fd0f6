//! The version of a secret.
//!
//! A version has to change whenever the secret does. Four requirements make that difficult.
//!
//! *It must reveal nothing.* Versions are printed and logged. With a digest of the secret alone, a reader of the log could
//! test guesses at the secret.
//!
//! *Every write counts.* A writer that restores the previous content (a rotation that is undone) must still defeat a writer
//! that read before both writes. A digest of the content alone is the same for both states.
//!
//! *People write too.* They edit the plaintext with editors that know nothing of versions. A counter next to the secret
//! would not change.
//!
//! *Secrets share the file.* With a digest of the whole file, every writer would conflict with the writer of any other
//! secret.
//!
//! So each secret has a *salt*: 128 random bits, new with every write by this crate, in the table `[_cofferdam]` of the
//! plaintext (no path starts with `_`, so no secret has that name). The version is the SHA-256, truncated to 128 bits, of
//! salt, path and content. It changes with each write, because the salt does, and with an edit by hand, because the content
//! does. It does not change when another secret is written. The salt is inside the encrypted file; without it no guess can be
//! tested. An attacker gains nothing by forging a version, so a salted digest is enough where a keyed one would be usual.
//!
//! A secret that was added by hand has no salt yet. Its version is the digest of the *encrypted* file and the path, not of
//! the content: encryption is random, so that digest is new each time the file is written, and reveals nothing. The next
//! write by this crate, to any secret, adds a salt. A writer that read the secret before gets one unnecessary `Conflict`.
//!
//! One case remains: two edits by hand that together change nothing, without a write by this crate in between, restore the
//! previous version. The content is then the same too, so the writer that compared versions overwrites nothing.

use std::fmt::Write as _;

use cofferdam_vault::{ExposeSecret, SecretFields, SecretPath, Version};
use sha2::{Digest, Sha256};

use crate::file::FileDigest;

/// The length of salts and versions, in bytes.
const BYTES: usize = 16;

/// 128 random bits that are new with every write of a secret.
pub(crate) struct Salt([u8; BYTES]);

impl Salt {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Parses the output of [`Salt::to_hex`]; `None` for anything else.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 2 * BYTES || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// The version of the secret at `path` with this `salt`, in the file whose bytes have the digest `file`.
pub(crate) fn version(
    path: &SecretPath,
    fields: &SecretFields,
    salt: Option<&Salt>,
    file: &FileDigest,
) -> Version {
    let mut digest = Sha256::new();
    match salt {
        Some(Salt(salt)) => {
            digest.update(b"salted");
            digest.update(salt);
            put(&mut digest, path.as_str());
            for (name, value) in fields {
                put(&mut digest, name.as_str());
                put(&mut digest, value.expose_secret());
            }
        }
        None => {
            digest.update(b"by hand");
            digest.update(file);
            put(&mut digest, path.as_str());
        }
    }
    Version::new(hex(&digest.finalize()[..BYTES]))
}

/// Adds `text` with its length, so that different lists of strings have different digests.
fn put(digest: &mut Sha256, text: &str) {
    digest.update((text.len() as u64).to_be_bytes());
    digest.update(text.as_bytes());
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> SecretFields {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), (*value).into())).collect()
    }

    #[test]
    fn a_version_changes_with_salt_content_and_path() {
        let (path, file) = ("a/b".parse().unwrap(), [0; 32]);
        let (salt, other) = (Salt([1; BYTES]), Salt([2; BYTES]));
        let one = fields(&[("ab", "c")]);
        let base = version(&path, &one, Some(&salt), &file);
        assert_eq!(
            base,
            version(&path, &one, Some(&salt), &[9; 32]),
            "a write to another secret does not matter"
        );
        assert_ne!(base, version(&path, &one, Some(&other), &file));
        assert_ne!(base, version(&path, &fields(&[("a", "bc")]), Some(&salt), &file));
        assert_ne!(base, version(&path, &fields(&[("ab", "c"), ("d", "")]), Some(&salt), &file));
        assert_ne!(base, version(&"a/c".parse().unwrap(), &one, Some(&salt), &file));
    }

    #[test]
    fn a_version_without_a_salt_does_not_depend_on_the_content() {
        let path = "a/b".parse().unwrap();
        let one = version(&path, &fields(&[("token", "one")]), None, &[1; 32]);
        assert_eq!(one, version(&path, &fields(&[("token", "two")]), None, &[1; 32]));
        assert_ne!(one, version(&path, &fields(&[("token", "one")]), None, &[2; 32]));
    }

    #[test]
    fn a_salt_is_parsed_and_nothing_else_is_accepted() {
        let salt = Salt::random().unwrap();
        assert_eq!(Salt::from_hex(&salt.to_hex()).map(|s| s.0), Some(salt.0));
        for wrong in ["", "00", "zz00000000000000000000000000000000", "+000000000000000000000000000000g", "ä"]
        {
            assert!(Salt::from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
