//! Turns errors of the folder and its files into [`VaultError`]s. No other file does so.

use std::io;
use std::path::Path;

use cofferdam_vault::files::FileError;
use cofferdam_vault::{ErrorKind, VaultError};

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The folder itself cannot be used.
    Folder(io::Error),
    /// A file or folder in it cannot be read.
    Entry(FileError),
    /// A link leads out of the folder.
    Outside,
    /// A file is not UTF-8.
    NotUtf8,
    /// It kept changing while it was read.
    Changing,
    /// It has more entries than this maximum.
    TooMany(usize),
}

/// The error of `cause` at `path`.
pub(crate) fn vault_error(path: &Path, cause: Cause) -> VaultError {
    let path = path.display();
    let vault = |kind, why: String| VaultError::vault(kind, format!("{path} {why}"));
    let secret = |kind, why: &str| VaultError::secret(kind, format!("{path} {why}"));
    match cause {
        Cause::Folder(error) => match error.kind() {
            io::ErrorKind::NotFound => vault(
                ErrorKind::Misconfigured,
                "does not exist; mount the secrets there, or correct `folder` in the profile".into(),
            ),
            io::ErrorKind::PermissionDenied => vault(
                ErrorKind::Misconfigured,
                "is not accessible to the user that the server runs as; change its owner or mode".into(),
            ),
            io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                vault(ErrorKind::Misconfigured, "is not a folder; correct `folder` in the profile".into())
            }
            _ if is_link_cycle(&error) => {
                vault(ErrorKind::Misconfigured, "is a cyclic link; mount the secrets there".into())
            }
            _ => vault(ErrorKind::Unavailable, format!("cannot be used: {error}; check its file system")),
        },
        Cause::Entry(FileError::NotRegular) => secret(
            ErrorKind::Malformed,
            "is not a regular file; replace it with a file that contains the value",
        ),
        Cause::Entry(FileError::TooLarge { max_bytes }) => secret(
            ErrorKind::Malformed,
            &format!("is larger than {max_bytes} bytes; check that it is the right file"),
        ),
        Cause::Entry(FileError::Io(error)) => match error.kind() {
            io::ErrorKind::PermissionDenied => secret(
                ErrorKind::Denied,
                "is not readable by the user that the server runs as; change its owner or mode \
                 (on Kubernetes `fsGroup` or `defaultMode`)",
            ),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                secret(ErrorKind::NotFound, "does not exist; create a file with the value there")
            }
            _ if is_link_cycle(&error) => secret(
                ErrorKind::Malformed,
                "is a cyclic link; replace it with a file that contains the value",
            ),
            _ => vault(ErrorKind::Unavailable, format!("cannot be read: {error}; check its file system")),
        },
        Cause::Outside => secret(
            ErrorKind::Malformed,
            "is a link out of the vault's folder, which is not followed; put the file itself there",
        ),
        Cause::NotUtf8 => secret(ErrorKind::Malformed, "is not UTF-8; write it again as UTF-8"),
        Cause::Changing => vault(
            ErrorKind::Unavailable,
            "changes faster than it can be read; replace files by renaming, and less often".into(),
        ),
        Cause::TooMany(max) => vault(
            ErrorKind::Malformed,
            format!("has more than {max} entries; check that it is a folder of secrets"),
        ),
    }
}

/// Whether links form a cycle. The standard library has no stable name for this error.
#[cfg(unix)]
fn is_link_cycle(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Fallback for other systems; not verified.
#[cfg(not(unix))]
fn is_link_cycle(_: &io::Error) -> bool {
    false
}

/// Whether nothing can exist at a path: a part of it is missing, is a file, or is longer than a name can be.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
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
    fn errors_of_the_folder_have_scope_vault() {
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
    fn errors_of_a_file_have_scope_secret_except_those_of_its_file_system() {
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
    fn a_cycle_of_links_differs_from_a_broken_disk() {
        let cycle = || io::Error::from(rustix::io::Errno::LOOP);
        check(Cause::Folder(cycle()), ErrorKind::Misconfigured, Scope::Vault);
        check(Cause::Entry(FileError::Io(cycle())), ErrorKind::Malformed, Scope::Secret);
        let broken = || io::Error::from(rustix::io::Errno::IO);
        check(Cause::Folder(broken()), ErrorKind::Unavailable, Scope::Vault);
        check(Cause::Entry(FileError::Io(broken())), ErrorKind::Unavailable, Scope::Vault);
    }
}
