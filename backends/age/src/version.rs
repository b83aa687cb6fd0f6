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
//! So each secret has a [`Salt`], new with every write by this crate, in the table `[_cofferdam]` of the plaintext (no path
//! starts with `_`, so no secret has that name). The version follows from salt, path and content. It changes with each
//! write, because the salt does, and with an edit by hand, because the content does. It does not change when another secret
//! is written. The salt is inside the encrypted file; without it no guess can be tested.
//!
//! A secret that was added by hand has no salt yet. Its version is the digest of the *encrypted* file and the path, not of
//! the content: encryption is random, so that digest is new each time the file is written, and reveals nothing. The next
//! write by this crate, to any secret, adds a salt. A writer that read the secret before gets one unnecessary `Conflict`.
//!
//! One case remains: two edits by hand that together change nothing, without a write by this crate in between, restore the
//! previous version. The content is then the same too, so the writer that compared versions overwrites nothing.

use cofferdam_vault::{Salt, SecretFields, SecretPath, Version};

use crate::file::FileDigest;

/// The version of the secret at `path` with this `salt`, in the file whose bytes have the digest `file`.
pub(crate) fn version(
    path: &SecretPath,
    fields: &SecretFields,
    salt: Option<&Salt>,
    file: &FileDigest,
) -> Version {
    match salt {
        Some(salt) => salt.version(path, fields.iter().map(|(name, value)| (name.as_str(), value))),
        None => Version::of_encrypted(file, path),
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{fields, path};

    use super::*;

    #[test]
    fn a_version_with_a_salt_does_not_depend_on_the_file() {
        let (at, salt, all) = (path("a/b"), Salt::random().unwrap(), fields([("token", "one")]));
        let base = version(&at, &all, Some(&salt), &[0; 32]);
        assert_eq!(
            base,
            version(&at, &all, Some(&salt), &[9; 32]),
            "a write to another secret does not matter"
        );
        assert_ne!(base, version(&at, &fields([("token", "two")]), Some(&salt), &[0; 32]));
    }

    #[test]
    fn a_version_without_a_salt_does_not_depend_on_the_content() {
        let at = path("a/b");
        let one = version(&at, &fields([("token", "one")]), None, &[1; 32]);
        assert_eq!(one, version(&at, &fields([("token", "two")]), None, &[1; 32]));
        assert_ne!(one, version(&at, &fields([("token", "one")]), None, &[2; 32]));
        assert_ne!(one, version(&path("a/c"), &fields([("token", "one")]), None, &[1; 32]));
    }
}
