//! Turns errors of the `.env` file into [`VaultError`]s. No other file does so.

use std::io;
use std::path::Path;

use cofferdam_vault::files::FileError;
use cofferdam_vault::{ErrorKind, VaultError};

/// The error of a failed read of `path`.
pub(crate) fn vault_error(path: &Path, error: FileError) -> VaultError {
    let path = path.display();
    let misconfigured = |why: &str| VaultError::vault(ErrorKind::Misconfigured, format!("{path} {why}"));
    match error {
        FileError::NotRegular => misconfigured("is not a regular file; replace it with one"),
        FileError::TooLarge { max_bytes } => VaultError::vault(
            ErrorKind::Malformed,
            format!("{path} is larger than {max_bytes} bytes; check that it is a .env file"),
        ),
        FileError::Io(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => misconfigured(
                "does not exist; create it, or remove the key `dotenv` to use only variables of the process",
            ),
            io::ErrorKind::PermissionDenied => {
                misconfigured("is not readable by the user that the server runs as; change its owner or mode")
            }
            _ => VaultError::vault(
                ErrorKind::Unavailable,
                format!("{path} cannot be read: {error}; check its file system"),
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_map_to_kinds() {
        for (error, kind) in [
            (io::ErrorKind::NotFound, ErrorKind::Misconfigured),
            (io::ErrorKind::NotADirectory, ErrorKind::Misconfigured),
            (io::ErrorKind::PermissionDenied, ErrorKind::Misconfigured),
            (io::ErrorKind::StaleNetworkFileHandle, ErrorKind::Unavailable),
            (io::ErrorKind::Other, ErrorKind::Unavailable),
        ] {
            let error = vault_error(Path::new("/x/.env"), FileError::Io(error.into()));
            assert_eq!(error.kind(), kind);
            assert!(error.message().contains("/x/.env"), "{error}");
        }
    }
}
