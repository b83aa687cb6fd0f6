//! What the system and the `age` crate say, turned into kinds. The one place that does so.
//!
//! Nothing here prints what a library has to say about content: `toml` quotes the line that it stumbled over, and
//! `age`'s text for an excessive work factor overflows where the file asks for less than this machine could do.

use std::io;
use std::path::Path;

use age::{DecryptError, EncryptError};
use cofferdam_vault::files::FileError;
use cofferdam_vault::{ErrorKind, VaultError};

use crate::crypt::LOG_N_MAX;
use crate::file::Role;

/// A failure as a library or the system reports it.
pub(crate) enum Cause {
    /// A file could not be read.
    Reading(Role, FileError),
    /// The vault file, or what belongs to it, could not be written.
    Writing(io::Error),
    /// The vault file could not be decrypted with an identity.
    OpeningWithIdentity(DecryptError),
    /// The vault file could not be decrypted with a passphrase.
    OpeningWithPassphrase(DecryptError),
    /// An ssh key could not be opened with its passphrase.
    UnlockingKey,
    /// The new content could not be encrypted.
    Encrypting(EncryptError),
    /// The system gave no random bytes.
    Random(getrandom::Error),
}

/// What went wrong with `path`, as the contract names it.
pub(crate) fn vault_error(path: &Path, cause: Cause) -> VaultError {
    let path = path.display();
    let misconfigured = |message: String| VaultError::vault(ErrorKind::Misconfigured, message);
    let malformed = |message: String| VaultError::vault(ErrorKind::Malformed, message);
    match cause {
        Cause::Reading(role, FileError::NotRegular) => {
            misconfigured(format!("the {role} {path} is not a regular file; put the file itself there"))
        }
        Cause::Reading(role, FileError::TooLarge { max_bytes }) => misconfigured(format!(
            "the {role} {path} is larger than {max_bytes} bytes; is it the right file?"
        )),
        Cause::Reading(role, FileError::Io(error)) => match error.kind() {
            io::ErrorKind::NotFound if role == Role::Vault => misconfigured(format!(
                "there is no vault file {path}; `cofferdam secret set MODULE/ACCOUNT FIELD` creates it"
            )),
            io::ErrorKind::NotFound if role == Role::Identity => misconfigured(format!(
                "there is no {role} {path}; make one with `age-keygen -o {path}`, or correct its path in the profile"
            )),
            io::ErrorKind::NotFound => misconfigured(format!(
                "there is no {role} {path}; create it, or correct its path in the profile"
            )),
            io::ErrorKind::PermissionDenied => misconfigured(format!(
                "the {role} {path} may not be read by this user; give it to the user that runs cofferdam"
            )),
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidFilename => {
                misconfigured(format!(
                    "the {role} {path} cannot be opened: {error}; correct its path in the profile"
                ))
            }
            _ => VaultError::vault(
                ErrorKind::Unavailable,
                format!("the {role} {path} cannot be read: {error}; look at its file system"),
            ),
        },
        Cause::Writing(error) => match error.kind() {
            // Reading may be all that is wanted, so a folder that cannot be written does not darken the vault.
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => VaultError::secret(
                ErrorKind::ReadOnly,
                format!(
                    "{path} cannot be written by this user: {error}; the vault file's folder must be writable, \
                     and the file must belong to the user that writes it"
                ),
            ),
            _ => VaultError::vault(
                ErrorKind::Unavailable,
                format!("writing {path} failed: {error}; look at its file system"),
            ),
        },
        Cause::OpeningWithIdentity(DecryptError::NoMatchingKeys) => misconfigured(format!(
            "the identity does not open {path}; name the identity that it was encrypted for"
        )),
        Cause::OpeningWithPassphrase(DecryptError::NoMatchingKeys) => {
            misconfigured(format!("{path} is not locked with a passphrase; set `identity_file` instead"))
        }
        Cause::OpeningWithPassphrase(DecryptError::DecryptionFailed) => misconfigured(format!(
            "the passphrase does not open {path}; give the one that it was encrypted with"
        )),
        Cause::OpeningWithPassphrase(DecryptError::ExcessiveWork { required, .. }) => misconfigured(format!(
            "{path} asks for scrypt work of 2^{required}, more than the 2^{LOG_N_MAX} allowed; \
             encrypt it anew with `age -p`"
        )),
        Cause::OpeningWithIdentity(_) | Cause::OpeningWithPassphrase(_) => {
            malformed(format!("{path} is not a whole age file; restore it from a backup"))
        }
        Cause::UnlockingKey => {
            misconfigured(format!("the passphrase does not open the ssh key {path}; try again"))
        }
        Cause::Encrypting(
            EncryptError::MixedRecipientAndPassphrase | EncryptError::IncompatibleRecipients { .. },
        ) => misconfigured(format!("the recipients of {path} cannot be combined; list keys of one kind")),
        Cause::Encrypting(_) => misconfigured(format!("{path} could not be encrypted; check its recipients")),
        Cause::Random(error) => VaultError::vault(
            ErrorKind::Unavailable,
            format!("the system gives no random bytes to write {path} with: {error}"),
        ),
    }
}
