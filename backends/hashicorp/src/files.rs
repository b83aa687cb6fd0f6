//! Reads files with secrets and certificates in bounded time and space. Blocks, so it runs on the compartment's threads.

use std::io;
use std::path::Path;

use cofferdam_vault::files::{FileError, RegularFile, sole_value, without_byte_order_mark};
use cofferdam_vault::{ErrorKind, SecretString, VaultError};
use zeroize::Zeroizing;

/// Maximum size of a file: far larger than any token, JWT or certificate bundle in use.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads a regular file whole.
///
/// # Errors
///
/// `Misconfigured` or `Unavailable`, with scope vault. The message names `what` and the path, never content.
pub(crate) fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let misconfigured = |why: &str| {
        VaultError::vault(ErrorKind::Misconfigured, format!("the {what} {} {why}", path.display()))
    };
    RegularFile::open(path).and_then(|mut file| file.read(MAX_BYTES)).map_err(|error| match error {
        FileError::Io(error) => unreadable(path, what, &error),
        FileError::NotRegular => misconfigured("is not a regular file; replace it with one"),
        FileError::TooLarge { .. } => misconfigured("is larger than 1 MiB; correct its path in the profile"),
    })
}

/// Reads a file that holds one secret. A byte-order mark at its start is ignored, and so is white space around a token or
/// JWT, and one line break at the end of a password.
///
/// # Errors
///
/// As [`read`], and `Misconfigured` if the file is empty or not UTF-8.
pub(crate) fn read_secret(path: &Path, what: &str, format: Format) -> Result<SecretString, VaultError> {
    let content = read(path, what)?;
    let misconfigured = |why: &str| {
        VaultError::vault(ErrorKind::Misconfigured, format!("the {what} {} {why}", path.display()))
    };
    let text = std::str::from_utf8(&content).map_err(|_| misconfigured("is not UTF-8; write it again"))?;
    let text = match format {
        Format::Word => without_byte_order_mark(text).trim(),
        Format::Line => sole_value(text),
    };
    if text.is_empty() {
        return Err(misconfigured("is empty; put the secret into it"));
    }
    if format == Format::Word && !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(misconfigured(
            "holds more than one word, or characters other than ASCII; put one secret into it",
        ));
    }
    Ok(text.into())
}

/// The format of a secret in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A token, a JWT or a secret ID.
    Word,
    /// A password, which may contain and end with any character.
    Line,
}

fn unreadable(path: &Path, what: &str, error: &io::Error) -> VaultError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => VaultError::vault(
            ErrorKind::Misconfigured,
            format!("the {what} {path} does not exist; create it, or correct its path in the profile"),
        ),
        io::ErrorKind::PermissionDenied => VaultError::vault(
            ErrorKind::Misconfigured,
            format!(
                "the {what} {path} is not readable by this user; change its owner to the user that runs cofferdam"
            ),
        ),
        _ => VaultError::vault(
            ErrorKind::Unavailable,
            format!("the {what} {path} cannot be read: {error}; check its file system"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_secret_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let text = |content: &[u8], format| {
            use cofferdam_vault::ExposeSecret as _;
            std::fs::write(&path, content).unwrap();
            read_secret(&path, "file", format)
                .map(|text| text.expose_secret().to_owned())
                .map_err(|e| e.kind())
        };
        assert_eq!(text(b" hvs.x\r\n\n", Format::Word), Ok("hvs.x".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbfhvs.x\r\n", Format::Word), Ok("hvs.x".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbf pass\r\n", Format::Line), Ok(" pass".to_owned()));
        assert_eq!(text(b" pass word \n\n", Format::Line), Ok(" pass word \n".to_owned()));
        for bad in [&b""[..], b"\n", b"two words", b"\xff", b"t\xc3\xb6ken"] {
            assert_eq!(text(bad, Format::Word), Err(ErrorKind::Misconfigured), "{bad:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_unreadable_file_is_misconfigured_and_never_hangs() {
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
