//! What the system says of the `.env` file, turned into kinds. The one place that does so.

use std::io;
use std::path::Path;

use cofferdam_vault::files::FileError;
use cofferdam_vault::{ErrorKind, VaultError};

/// What a failed read of `path` means for the vault.
pub(crate) fn vault_error(path: &Path, error: FileError) -> VaultError {
    let path = path.display();
    let misconfigured = |why: &str| VaultError::vault(ErrorKind::Misconfigured, format!("{path} {why}"));
    match error {
        FileError::NotRegular => misconfigured("is no regular file; put a plain text file there"),
        FileError::TooLarge { max_bytes } => VaultError::vault(
            ErrorKind::Malformed,
            format!("{path} has more than {max_bytes} bytes; is it a .env file?"),
        ),
        FileError::Io(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => misconfigured(
                "is not there; create it, or take the key `dotenv` out of the vault for variables of the process alone",
            ),
            io::ErrorKind::PermissionDenied => {
                misconfigured("may not be read by the user that the server runs as; change its owner or mode")
            }
            _ => VaultError::vault(ErrorKind::Unavailable, format!("reading {path} failed: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_errors_have_their_kinds() {
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
