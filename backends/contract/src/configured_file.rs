//! A file that the settings name: how it is called in messages, who may read it, and what it holds.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use cofferdam_config::Diagnostic;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::files::{FileError, RegularFile, sole_value, without_byte_order_mark};
use crate::permissions::{Protection, file_permissions};
use crate::{ErrorKind, Threads, VaultError};

/// Maximum size of a file: far larger than any token, JWT or certificate bundle in use.
const MAX_BYTES: usize = 1024 * 1024;

/// The length of the shortest age recipient: `age1`, 52 characters of the key and 6 of a checksum.
const RECIPIENT_LENGTH: usize = 62;

/// A file that the settings name. Prints as its name and its path: `the token file /run/secrets/token`.
///
/// ```
/// use cofferdam_vault::{ConfiguredFile, ExposeSecret as _, Protection, SecretFormat};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("token");
/// # std::fs::write(&path, "t0ken\n")?;
/// let file = ConfiguredFile::new(path, "the token file", Protection::Secrecy);
/// assert_eq!(file.read_secret(SecretFormat::Word)?.expose_secret(), "t0ken");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredFile {
    path: PathBuf,
    name: &'static str,
    protection: Protection,
}

/// The format of a secret in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFormat {
    /// A token, a JWT or a secret ID: one word of printable ASCII.
    Word,
    /// A password, which may contain and end with any character.
    Line,
}

impl ConfiguredFile {
    /// The file at `path`, which messages call `name`: `the token file`.
    pub fn new(path: PathBuf, name: &'static str, protection: Protection) -> Self {
        Self { path, name, protection }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with `path` as the value of `key`: it is empty, or a key or another secret was pasted there. Touches no
    /// file, and never quotes what was pasted.
    pub fn check(key: &str, path: &Path) -> Option<Diagnostic> {
        let (message, help) = if path.as_os_str().is_empty() {
            ("the path is empty", "name a file")
        } else if looks_like_a_secret(path) {
            (
                "is a secret, not the path of a file",
                "put it into a file of mode 0600 and name that file; treat this secret as compromised",
            )
        } else if looks_like_a_recipient(path) {
            ("is a public key, not the path of a file", "put it into a file and name that file")
        } else {
            return None;
        };
        Some(Diagnostic::error(key, message, help))
    }

    /// Reads the file whole. Blocks, so it runs on [`Threads`].
    ///
    /// # Errors
    ///
    /// `Misconfigured` or `Unavailable`, with scope vault. The message never holds content.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        RegularFile::open(&self.path).and_then(|mut file| file.read(MAX_BYTES)).map_err(|error| match error {
            FileError::Io(error) => self.unreadable(&error),
            FileError::NotRegular => self.misconfigured("is not a regular file; replace it with one"),
            FileError::TooLarge { .. } => {
                self.misconfigured("is larger than 1 MiB; correct its path in the profile")
            }
        })
    }

    /// Reads a file that holds one secret. A byte-order mark at its start is ignored, and so is white space around a
    /// [word](SecretFormat::Word), and one line break at the end of a [line](SecretFormat::Line). Blocks.
    ///
    /// # Errors
    ///
    /// As [`ConfiguredFile::read`], and `Misconfigured` if the file is empty, not UTF-8 or not of this format.
    pub fn read_secret(&self, format: SecretFormat) -> Result<SecretString, VaultError> {
        let content = self.read()?;
        let text = std::str::from_utf8(&content)
            .map_err(|_| self.misconfigured("is not UTF-8; write it again"))
            .map(|text| match format {
                SecretFormat::Word => without_byte_order_mark(text).trim(),
                SecretFormat::Line => sole_value(text),
            })?;
        if text.is_empty() {
            return Err(self.misconfigured("is empty; put the secret into it"));
        }
        if format == SecretFormat::Word && !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.misconfigured(
                "holds more than one word, or characters other than ASCII; put one secret into it",
            ));
        }
        Ok(text.into())
    }

    /// Checks who else can read or change each of `files`, for [`Vault::diagnose`](crate::Vault::diagnose).
    pub async fn diagnose(files: Vec<Self>, threads: &Threads) -> Vec<Diagnostic> {
        let check = move || {
            let check = |file: &Self| file_permissions(&file.path, file.name, file.protection);
            Ok(files.iter().filter_map(check).collect())
        };
        // If no thread is free, the probe reports it.
        threads.run(check).await.unwrap_or_default()
    }

    fn misconfigured(&self, why: &str) -> VaultError {
        VaultError::vault(ErrorKind::Misconfigured, format!("{self} {why}"))
    }

    fn unreadable(&self, error: &io::Error) -> VaultError {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                self.misconfigured("does not exist; create it, or correct its path in the profile")
            }
            io::ErrorKind::PermissionDenied => self.misconfigured(
                "is not readable by this user; change its owner to the user that runs cofferdam",
            ),
            _ => VaultError::vault(
                ErrorKind::Unavailable,
                format!("{self} cannot be read: {error}; check its file system"),
            ),
        }
    }
}

impl fmt::Display for ConfiguredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.path.display())
    }
}

/// Whether `path` is a token, a JWT, a PEM block, an age identity, or a UUID as some services use for secrets.
fn looks_like_a_secret(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let text = text.trim();
    let uuid = text.len() == 36 && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    let token = ["hvs.", "hvb.", "hvr.", "s.", "b."].iter().any(|start| {
        text.strip_prefix(start).is_some_and(|rest| {
            rest.len() >= 20 && rest.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        })
    });
    let jwt = text.starts_with("eyJ") && text.matches('.').count() == 2;
    let identity = text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-");
    uuid || token || jwt || identity || text.starts_with("-----BEGIN") || text.contains('\n')
}

/// Whether `path` is an age recipient.
fn looks_like_a_recipient(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let text = text.trim();
    let is_bech32 = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.starts_with("age1") && text.len() >= RECIPIENT_LENGTH && is_bech32
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn white_space_around_a_secret_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let file = ConfiguredFile::new(path.clone(), "the file", Protection::Secrecy);
        let text = |content: &[u8], format| {
            std::fs::write(&path, content).unwrap();
            file.read_secret(format).map(|text| text.expose_secret().to_owned()).map_err(|e| e.kind())
        };
        assert_eq!(text(b" hvs.x\r\n\n", SecretFormat::Word), Ok("hvs.x".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbfhvs.x\r\n", SecretFormat::Word), Ok("hvs.x".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbf pass\r\n", SecretFormat::Line), Ok(" pass".to_owned()));
        assert_eq!(text(b" pass word \n\n", SecretFormat::Line), Ok(" pass word \n".to_owned()));
        for bad in [&b""[..], b"\n", b"two words", b"\xff", b"t\xc3\xb6ken"] {
            assert_eq!(text(bad, SecretFormat::Word), Err(ErrorKind::Misconfigured), "{bad:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_unreadable_file_is_misconfigured_and_never_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |name: &str| {
            let file = ConfiguredFile::new(folder.path().join(name), "the file", Protection::Secrecy);
            file.read().map(drop).map_err(|error| {
                assert!(error.message().starts_with(&format!("the file {}", folder.path().display())));
                error.kind()
            })
        };
        assert_eq!(kind("absent"), Err(ErrorKind::Misconfigured));
        assert_eq!(kind("."), Err(ErrorKind::Misconfigured));
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert_eq!(kind("fifo"), Err(ErrorKind::Misconfigured));
        std::fs::write(folder.path().join("large"), vec![b'x'; MAX_BYTES + 1]).unwrap();
        assert_eq!(kind("large"), Err(ErrorKind::Misconfigured));
    }

    #[test]
    fn a_secret_in_the_place_of_a_path_is_refused_and_not_quoted() {
        for path in [
            "",
            "hvs.CAESIcanaryCANARYcanaryCANARY",
            "s.canaryCANARYcanaryCANARYx",
            "eyJhbGci.canary.canary",
            "deadbeef-5773-7000-dead-beefdeadbeef",
            "-----BEGIN PRIVATE KEY-----canary",
            "canary\ncanary",
            "AGE-SECRET-KEY-1CANARY",
            "age-secret-key-pq-1canary",
            &format!("age1{}", "canary".repeat(10)),
        ] {
            let found = ConfiguredFile::check("token_file", Path::new(path)).unwrap();
            assert_eq!(found.key, "token_file");
            let printed = format!("{found:?}");
            let printed = printed.to_lowercase();
            assert!(!printed.contains("canary") && !printed.contains("deadbeef"), "{printed}");
        }
        for path in [
            "token",
            "/run/secrets/op.token",
            "s.token",
            "sk-keys/token",
            "../../a b/token file",
            "age1-keys.txt",
        ] {
            assert_eq!(ConfiguredFile::check("token_file", Path::new(path)), None, "{path}");
        }
    }
}
