//! What the system says of the folder and its files, turned into kinds. The one place that does so.

use std::io;
use std::path::Path;

use cofferdam_vault::files::FileError;
use cofferdam_vault::{ErrorKind, VaultError};

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The folder itself cannot be used.
    Folder(io::Error),
    /// A file or folder in it cannot be reached or read.
    Entry(FileError),
    /// A link leads out of the folder.
    Outside,
    /// A file is no UTF-8.
    NotText,
    /// It went on changing while it was read.
    Unsteady,
    /// There is more in it than is listed.
    TooMany(usize),
}

/// What went wrong with `path`, as the contract names it.
pub(crate) fn vault_error(path: &Path, cause: Cause) -> VaultError {
    let path = path.display();
    let vault = |kind, why: String| VaultError::vault(kind, format!("{path} {why}"));
    let secret = |kind, why: &str| VaultError::secret(kind, format!("{path} {why}"));
    match cause {
        Cause::Folder(error) => match error.kind() {
            io::ErrorKind::NotFound => vault(
                ErrorKind::Misconfigured,
                "is not there; mount the secrets there, or correct `folder` in the profile".into(),
            ),
            io::ErrorKind::PermissionDenied => vault(
                ErrorKind::Misconfigured,
                "may not be entered by the user that the server runs as; change its owner or mode".into(),
            ),
            io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                vault(ErrorKind::Misconfigured, "is no folder; correct `folder` in the profile".into())
            }
            _ if is_circle(&error) => {
                vault(ErrorKind::Misconfigured, "is a link to itself; mount the secrets there".into())
            }
            _ => vault(ErrorKind::Unavailable, format!("cannot be used: {error}; look at its file system")),
        },
        Cause::Entry(FileError::NotRegular) => {
            secret(ErrorKind::Malformed, "is no regular file; put a file with the value there")
        }
        Cause::Entry(FileError::TooLarge { max_bytes }) => {
            secret(ErrorKind::Malformed, &format!("is larger than {max_bytes} bytes; is it the right file?"))
        }
        Cause::Entry(FileError::Io(error)) => match error.kind() {
            io::ErrorKind::PermissionDenied => secret(
                ErrorKind::Denied,
                "may not be read by the user that the server runs as; change its owner or mode \
                 (on Kubernetes `fsGroup` or `defaultMode`)",
            ),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                secret(ErrorKind::NotFound, "is not there; put a file with the value there")
            }
            _ if is_circle(&error) => {
                secret(ErrorKind::Malformed, "is a link to itself; put a file with the value there")
            }
            _ => vault(ErrorKind::Unavailable, format!("cannot be read: {error}; look at its file system")),
        },
        Cause::Outside => secret(
            ErrorKind::Malformed,
            "leads out of the vault's folder, where nothing is read; put the file itself there",
        ),
        Cause::NotText => secret(ErrorKind::Malformed, "is not UTF-8; write it anew as text"),
        Cause::Unsteady => vault(
            ErrorKind::Unavailable,
            "changes faster than it can be read; replace files by renaming, and less often".into(),
        ),
        Cause::TooMany(most) => {
            vault(ErrorKind::Malformed, format!("has more than {most} entries; is it a folder of secrets?"))
        }
    }
}

/// Whether links lead in a circle; the standard library has no stable name for it.
#[cfg(unix)]
fn is_circle(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// The nearest equal elsewhere; not verified.
#[cfg(not(unix))]
fn is_circle(_: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::Scope;

    use super::*;

    fn check(cause: Cause, kind: ErrorKind, scope: Scope) {
        let error = vault_error(Path::new("/x/y"), cause);
        assert_eq!((error.kind(), error.scope()), (kind, scope), "{error}");
        assert!(error.message().starts_with("/x/y "), "{error}");
    }

    #[test]
    fn the_folders_errors_are_the_vaults() {
        for (error, kind) in [
            (io::ErrorKind::NotFound, ErrorKind::Misconfigured),
            (io::ErrorKind::NotADirectory, ErrorKind::Misconfigured),
            (io::ErrorKind::PermissionDenied, ErrorKind::Misconfigured),
            (io::ErrorKind::StaleNetworkFileHandle, ErrorKind::Unavailable),
        ] {
            check(Cause::Folder(error.into()), kind, Scope::Vault);
        }
    }

    #[test]
    fn a_files_errors_are_the_secrets_but_for_those_of_its_file_system() {
        let io = |kind: io::ErrorKind| Cause::Entry(FileError::Io(kind.into()));
        check(io(io::ErrorKind::NotFound), ErrorKind::NotFound, Scope::Secret);
        check(io(io::ErrorKind::NotADirectory), ErrorKind::NotFound, Scope::Secret);
        check(io(io::ErrorKind::InvalidFilename), ErrorKind::NotFound, Scope::Secret);
        check(io(io::ErrorKind::PermissionDenied), ErrorKind::Denied, Scope::Secret);
        check(io(io::ErrorKind::StaleNetworkFileHandle), ErrorKind::Unavailable, Scope::Vault);
        check(Cause::Entry(FileError::NotRegular), ErrorKind::Malformed, Scope::Secret);
        check(Cause::Entry(FileError::TooLarge { max_bytes: 1 }), ErrorKind::Malformed, Scope::Secret);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_are_told_from_a_broken_disk() {
        let circle = || io::Error::from(rustix::io::Errno::LOOP);
        check(Cause::Folder(circle()), ErrorKind::Misconfigured, Scope::Vault);
        check(Cause::Entry(FileError::Io(circle())), ErrorKind::Malformed, Scope::Secret);
        let broken = || io::Error::from(rustix::io::Errno::IO);
        check(Cause::Folder(broken()), ErrorKind::Unavailable, Scope::Vault);
        check(Cause::Entry(FileError::Io(broken())), ErrorKind::Unavailable, Scope::Vault);
    }
}
