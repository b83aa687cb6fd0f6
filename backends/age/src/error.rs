//! Turns errors of the system and of the `age` crate into [`VaultError`]s. No other file does so.
//!
//! No message about content is passed on: `toml` quotes the invalid line, and `age`'s message about an excessive work factor
//! overflows if the file requires less than this machine could do.

use std::io;
use std::path::Path;

use age::{DecryptError, EncryptError};
use cofferdam_vault::files::FileError;
use cofferdam_vault::{ErrorKind, VaultError};

use crate::limits::MAX_LOG_N;
use crate::role::Role;

/// A failure that a library or the system reports.
pub(crate) enum Cause {
    /// A file could not be read.
    Reading(Role, FileError),
    /// The vault file, its lock or a temporary file could not be written.
    Writing(io::Error),
    /// The vault file could not be decrypted with an identity.
    DecryptingWithIdentity(DecryptError),
    /// The vault file could not be decrypted with a passphrase.
    DecryptingWithPassphrase(DecryptError),
    /// An ssh key could not be decrypted with its passphrase.
    UnlockingKey,
    /// The new content could not be encrypted.
    Encrypting(EncryptError),
}

/// The error of `cause` at `path`.
pub(crate) fn vault_error(path: &Path, cause: Cause) -> VaultError {
    let path = path.display();
    let misconfigured = |message: String| VaultError::vault(ErrorKind::Misconfigured, message);
    let malformed = |message: String| VaultError::vault(ErrorKind::Malformed, message);
    match cause {
        Cause::Reading(role, FileError::NotRegular) => {
            misconfigured(format!("the {role} {path} is not a regular file; replace it with one"))
        }
        Cause::Reading(role, FileError::TooLarge { max_bytes }) => misconfigured(format!(
            "the {role} {path} is larger than {max_bytes} bytes; check that it is the right file"
        )),
        Cause::Reading(role, FileError::Io(error)) => match error.kind() {
            io::ErrorKind::NotFound if role == Role::Vault => misconfigured(format!(
                "the vault file {path} does not exist; `cofferdam secret set MODULE/ACCOUNT FIELD` creates it"
            )),
            io::ErrorKind::NotFound if role == Role::Identity => misconfigured(format!(
                "the {role} {path} does not exist; create it with `age-keygen -o {path}`, or correct its path in the profile"
            )),
            io::ErrorKind::NotFound => misconfigured(format!(
                "the {role} {path} does not exist; create it, or correct its path in the profile"
            )),
            io::ErrorKind::PermissionDenied => misconfigured(format!(
                "the {role} {path} is not readable by this user; change its owner to the user that runs cofferdam"
            )),
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidFilename => {
                misconfigured(format!(
                    "the {role} {path} cannot be opened: {error}; correct its path in the profile"
                ))
            }
            _ => VaultError::vault(
                ErrorKind::Unavailable,
                format!("the {role} {path} cannot be read: {error}; check its file system"),
            ),
        },
        Cause::Writing(error) => match error.kind() {
            // Scope secret: reads still work, so the vault is not down.
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => VaultError::secret(
                ErrorKind::ReadOnly,
                format!(
                    "{path} cannot be written by this user: {error}; make the vault file's folder writable, and make the \
                     user that writes the file its owner"
                ),
            ),
            _ => VaultError::vault(
                ErrorKind::Unavailable,
                format!("{path} cannot be written: {error}; check its file system"),
            ),
        },
        Cause::DecryptingWithIdentity(DecryptError::NoMatchingKeys) => misconfigured(format!(
            "the identity does not decrypt {path}; name an identity that it was encrypted for"
        )),
        Cause::DecryptingWithPassphrase(DecryptError::NoMatchingKeys) => {
            misconfigured(format!("{path} is not encrypted with a passphrase; set `identity_file` instead"))
        }
        Cause::DecryptingWithPassphrase(DecryptError::DecryptionFailed) => misconfigured(format!(
            "the passphrase does not decrypt {path}; use the one that it was encrypted with"
        )),
        Cause::DecryptingWithPassphrase(DecryptError::ExcessiveWork { required, .. }) => {
            misconfigured(format!(
                "{path} requires a scrypt work factor of 2^{required}, more than the maximum of 2^{MAX_LOG_N}; encrypt it \
             again with `age -p`"
            ))
        }
        Cause::DecryptingWithIdentity(_) | Cause::DecryptingWithPassphrase(_) => {
            malformed(format!("{path} is not a valid age file; restore it from a backup"))
        }
        Cause::UnlockingKey => {
            misconfigured(format!("the passphrase does not decrypt the ssh key {path}; try again"))
        }
        Cause::Encrypting(
            EncryptError::MixedRecipientAndPassphrase | EncryptError::IncompatibleRecipients { .. },
        ) => misconfigured(format!("the recipients of {path} cannot be combined; list keys of one type")),
        Cause::Encrypting(_) => misconfigured(format!("{path} cannot be encrypted; check its recipients")),
    }
}
