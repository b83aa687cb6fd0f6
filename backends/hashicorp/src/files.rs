//! Files with secrets and certificates, read in bounded time and space; blocking, so only on the compartment's threads.

use std::io;
use std::path::Path;

use cofferdam_vault::files::{FileError, RegularFile, without_last_line_break};
use cofferdam_vault::{ErrorKind, SecretString, VaultError};
use zeroize::Zeroizing;

/// The largest file that is read: far more than any token, JWT or bundle of certificates that is in use.
const MAX_BYTES: usize = 1024 * 1024;

/// All of a regular file.
///
/// # Errors
///
/// `Misconfigured` or `Unavailable`, always of the vault; with `what` and the path, never with content.
pub(crate) fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let misconfigured = |why: &str| {
        VaultError::vault(ErrorKind::Misconfigured, format!("the {what} {} {why}", path.display()))
    };
    RegularFile::open(path).and_then(|mut file| file.read(MAX_BYTES)).map_err(|error| match error {
        FileError::Io(error) => unreadable(path, what, &error),
        FileError::NotRegular => misconfigured("is no regular file; put a plain file there"),
        FileError::TooLarge { .. } => misconfigured("has more than 1 MiB; is it the right file?"),
    })
}

/// The text of a file with one secret in it; white space around a token or JWT and one line break behind a password
/// do not count.
///
/// # Errors
///
/// As [`read`], and `Misconfigured` where it is empty or not UTF-8.
pub(crate) fn secret(path: &Path, what: &str, kind: Text) -> Result<SecretString, VaultError> {
    let content = read(path, what)?;
    let misconfigured = |why: &str| {
        VaultError::vault(ErrorKind::Misconfigured, format!("the {what} {} {why}", path.display()))
    };
    let text = std::str::from_utf8(&content).map_err(|_| misconfigured("is not UTF-8; write it anew"))?;
    let text = match kind {
        Text::Word => text.trim(),
        Text::Line => without_last_line_break(text),
    };
    if text.is_empty() {
        return Err(misconfigured("is empty; put the secret into it"));
    }
    if kind == Text::Word && !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(misconfigured("holds more than one word, or other than ASCII; put one secret into it"));
    }
    Ok(text.into())
}

/// What the secret in a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// A token, a JWT, a secret id.
    Word,
    /// A password, which may hold and end with anything.
    Line,
}

fn unreadable(path: &Path, what: &str, error: &io::Error) -> VaultError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => VaultError::vault(
            ErrorKind::Misconfigured,
            format!("there is no {what} {path}; create it, or correct its path in the profile"),
        ),
        io::ErrorKind::PermissionDenied => VaultError::vault(
            ErrorKind::Misconfigured,
            format!(
                "the {what} {path} may not be read by this user; give it to the user that runs cofferdam"
            ),
        ),
        _ => VaultError::vault(ErrorKind::Unavailable, format!("the {what} {path} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_stands_between_the_white_space() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let text = |content: &[u8], kind| {
            use cofferdam_vault::ExposeSecret as _;
            std::fs::write(&path, content).unwrap();
            secret(&path, "file", kind).map(|text| text.expose_secret().to_owned()).map_err(|e| e.kind())
        };
        assert_eq!(text(b" hvs.x\r\n\n", Text::Word), Ok("hvs.x".to_owned()));
        assert_eq!(text(b" pass word \n\n", Text::Line), Ok(" pass word \n".to_owned()));
        for bad in [&b""[..], b"\n", b"two words", b"\xff", b"t\xc3\xb6ken"] {
            assert_eq!(text(bad, Text::Word), Err(ErrorKind::Misconfigured), "{bad:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_readable_file_is_misconfigured_and_never_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |name: &str| read(&folder.path().join(name), "file").map(drop).map_err(|e| e.kind());
        assert_eq!(kind("absent"), Err(ErrorKind::Misconfigured));
        assert_eq!(kind("."), Err(ErrorKind::Misconfigured));
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert_eq!(kind("fifo"), Err(ErrorKind::Misconfigured));
        std::fs::write(folder.path().join("large"), vec![b'x'; MAX_BYTES + 1]).unwrap();
        assert_eq!(kind("large"), Err(ErrorKind::Misconfigured));
    }
}
