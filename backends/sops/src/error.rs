//! Turns exit codes of `sops` and errors of files into [`VaultError`]s. No other file does so.

use std::io;
use std::path::Path;

use cofferdam_vault::files::FileError;
use cofferdam_vault::process::End;
use cofferdam_vault::{ErrorKind, NotAnObject, SecretPath, UnusableFields, VaultError};

/// The exit codes of `sops decrypt` that a damaged document has: it cannot be parsed, has no metadata, or its message
/// authentication code does not match. 1 is any failure without a code of its own; it opens no document that is sound.
const DAMAGED: [i32; 6] = [1, 2, 24, 25, 51, 52];

/// The exit code of `sops` if no key opens the document.
const NO_KEY: i32 = 128;

/// Where a failure happened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Document,
    KeyFile,
}

/// The error of a file that cannot be read.
pub(crate) fn unreadable(role: Role, path: &Path, error: FileError) -> VaultError {
    let (what, create) = match role {
        Role::Document => ("document", "create it with `sops edit`"),
        Role::KeyFile => ("age key file", "create it with `age-keygen`"),
    };
    let (kind, why) = match error {
        FileError::NotRegular => {
            (ErrorKind::Misconfigured, "is not a regular file; replace it with one".to_owned())
        }
        FileError::TooLarge { max_bytes } => (
            ErrorKind::Misconfigured,
            format!("is larger than {max_bytes} bytes; check that it is the right file"),
        ),
        FileError::Io(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => (
                ErrorKind::Misconfigured,
                format!("does not exist; {create}, or correct its path in the profile"),
            ),
            io::ErrorKind::PermissionDenied => (
                ErrorKind::Misconfigured,
                "is not readable by the user that the server runs as; change its owner or mode".to_owned(),
            ),
            _ => (ErrorKind::Unavailable, format!("cannot be read: {error}; check its file system")),
        },
    };
    VaultError::vault(kind, format!("the {what} {} {why}", path.display()))
}

/// The error of a document that cannot be replaced. Reads still work.
pub(crate) fn unwritable_file(path: &Path, error: &io::Error) -> VaultError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => VaultError::secret(
            ErrorKind::ReadOnly,
            format!(
                "{path} cannot be replaced: {error}; make its folder writable for the user that writes it"
            ),
        ),
        _ => VaultError::vault(
            ErrorKind::Unavailable,
            format!("{path} cannot be written: {error}; check its file system"),
        ),
    }
}

/// The error of a run of `sops` that ended with `end`. `has_other_keys`: some may be out of reach for a time.
pub(crate) fn failed(command: &str, document: &Path, end: End, has_other_keys: bool) -> VaultError {
    let what = format!("`sops {command}` of {} {end}", document.display());
    let (kind, help) = match end {
        End::Code(NO_KEY) if has_other_keys => (
            ErrorKind::Unavailable,
            "no key that it has opens the document; check the keys and the network that they need",
        ),
        End::Code(NO_KEY) => (
            ErrorKind::Misconfigured,
            "the identities in `age_key_file` do not open the document; name those that it is encrypted for",
        ),
        End::Code(code) if command == "decrypt" && DAMAGED.contains(&code) => (
            ErrorKind::Malformed,
            "the document is damaged or not encrypted by sops; restore it from git, or see `sops decrypt`",
        ),
        _ => (
            ErrorKind::Unavailable,
            "run it by hand as the user that the server runs as. With COFFERDAM_LOG=debug, the log has what it wrote to \
             its standard error",
        ),
    };
    VaultError::vault(kind, format!("{what}: {help}"))
}

/// The error of an output that is not a document of tables.
pub(crate) fn not_a_document(document: &Path, _: NotAnObject) -> VaultError {
    let message = format!("{} is not a table of secrets; see docs/vaults/sops.md", document.display());
    VaultError::vault(ErrorKind::Malformed, message)
}

/// The error of an absent secret.
pub(crate) fn absent(at: &SecretPath, document: &Path) -> VaultError {
    let message = format!("{} has no secret {at}; add it with `sops edit`", document.display());
    VaultError::secret(ErrorKind::NotFound, message)
}

/// The error of an entry that is not a table of fields.
pub(crate) fn not_a_secret(at: &SecretPath, document: &Path) -> VaultError {
    VaultError::secret(
        ErrorKind::Malformed,
        format!("{at} in {} is not a table of fields; change it with `sops edit`", document.display()),
    )
}

/// The error of fields that cannot be returned.
pub(crate) fn unusable(at: &SecretPath, why: &UnusableFields) -> VaultError {
    let kind = match why {
        UnusableFields::Missing(_) => ErrorKind::NotFound,
        _ => ErrorKind::Malformed,
    };
    VaultError::secret(kind, format!("the secret {at} {why}"))
}

/// The error of a write that left nothing in the document.
pub(crate) fn not_written(at: &SecretPath) -> VaultError {
    let message = format!("{at} was written, but the document does not contain it; check its file system");
    VaultError::vault(ErrorKind::Malformed, message)
}

/// The error of a listing of a dotenv document.
pub(crate) fn not_listed() -> VaultError {
    let message = "a dotenv document cannot be listed: its variables have no paths";
    VaultError::secret(ErrorKind::Unsupported, message)
}

/// The error of a document that changes whenever it is read or written.
pub(crate) fn changing(document: &Path) -> VaultError {
    let message = format!("{} is repeatedly changed by another program; try again", document.display());
    VaultError::vault(ErrorKind::Unavailable, message)
}

/// The error of a write that finds another state than it expects.
pub(crate) fn conflict(at: &SecretPath) -> VaultError {
    VaultError::secret(
        ErrorKind::Conflict,
        format!("the secret {at} was changed by another writer; read it again, then retry"),
    )
}

/// The error of a write to a document that cannot be written.
pub(crate) fn read_only(document: &Path) -> VaultError {
    let message = format!("{} is read-only; change it with `sops edit`", document.display());
    VaultError::secret(ErrorKind::ReadOnly, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exit_code_has_its_kind() {
        for (command, end, has_other_keys, kind) in [
            ("decrypt", End::Code(128), false, ErrorKind::Misconfigured),
            ("decrypt", End::Code(128), true, ErrorKind::Unavailable),
            ("decrypt", End::Code(51), false, ErrorKind::Malformed),
            ("decrypt", End::Code(1), false, ErrorKind::Malformed),
            ("decrypt", End::Code(3), false, ErrorKind::Unavailable),
            ("decrypt", End::Signal(9), false, ErrorKind::Unavailable),
            ("set", End::Code(1), false, ErrorKind::Unavailable),
        ] {
            let error = failed(command, Path::new("s.yaml"), end, has_other_keys);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.counts_for_breaker(), "{error}");
        }
    }
}
