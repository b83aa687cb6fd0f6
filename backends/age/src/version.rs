//! What a version of a secret is.
//!
//! A version has to change whenever the secret does, and four things make that less than plain.
//!
//! *It must tell nothing.* Versions are printed and logged. A digest of the secret alone would let whoever sees one test
//! guesses at the secret.
//!
//! *Every write counts.* Who writes back what was there before (a rotation undone) must still defeat a writer that read
//! before both: a digest of the content alone would call the two states one.
//!
//! *People write too.* The plaintext is edited by hand, by editors that know nothing of versions. A counter beside
//! the secret would not move.
//!
//! *Neighbours share the file.* A digest of the whole file would make every writer lose to the writer of any other secret.
//!
//! So each secret has a *salt*: 128 random bits, new with every write of ours, in the table `[_cofferdam]` of the plaintext (no
//! path begins with `_`, so no secret can be called that). The version is the SHA-256, cut to 128 bits, of salt, path and
//! content. It moves with each write, because the salt does; it moves with an edit by hand, because the content does; it stays when a
//! neighbour is written; and without the salt, which lies inside the encrypted file, it can be tested against no guess.
//! Nobody gains by forging a version, so a salted digest is enough where a keyed one would be usual.
//!
//! A secret that was added by hand has no salt yet. Its version is made from the digest of the *encrypted* file and the path,
//! and not from the content: encryption is random, so the digest is new each time the file is written, and tells nothing. Our
//! next write into the file, of whichever secret, gives it a salt; a writer that read it before meets one needless `Conflict`.
//!
//! What is left: two edits by hand that together change nothing, with no write of ours in between, give the version from
//! before. The state is then the same too, so the writer that compared has lost nothing.

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

    /// Reads what [`Salt::to_hex`] wrote; anything else is no salt.
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

/// The version of the secret at `path`, with the salt that stands beside it, in the file whose bytes have the digest `file`.
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

/// With its length, so that no two lists of texts run together into one.
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
        assert_eq!(base, version(&path, &one, Some(&salt), &[9; 32]), "a neighbour's write does not matter");
        assert_ne!(base, version(&path, &one, Some(&other), &file));
        assert_ne!(base, version(&path, &fields(&[("a", "bc")]), Some(&salt), &file));
        assert_ne!(base, version(&path, &fields(&[("ab", "c"), ("d", "")]), Some(&salt), &file));
        assert_ne!(base, version(&"a/c".parse().unwrap(), &one, Some(&salt), &file));
    }

    #[test]
    fn a_version_without_a_salt_says_nothing_of_the_content() {
        let path = "a/b".parse().unwrap();
        let one = version(&path, &fields(&[("token", "one")]), None, &[1; 32]);
        assert_eq!(one, version(&path, &fields(&[("token", "two")]), None, &[1; 32]));
        assert_ne!(one, version(&path, &fields(&[("token", "one")]), None, &[2; 32]));
    }

    #[test]
    fn a_salt_is_read_back_and_nothing_else_is_taken_for_one() {
        let salt = Salt::random().unwrap();
        assert_eq!(Salt::from_hex(&salt.to_hex()).map(|s| s.0), Some(salt.0));
        for wrong in ["", "00", "zz00000000000000000000000000000000", "+000000000000000000000000000000g", "ä"]
        {
            assert!(Salt::from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
