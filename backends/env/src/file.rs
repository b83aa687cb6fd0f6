//! The `.env` file on disk, read in bounded time and space; blocking, so only on the compartment's threads.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_vault::{ErrorKind, VaultError};
use zeroize::Zeroizing;

use crate::dotenv::{self, Variables};

/// The largest `.env` file that is read: some thousand secrets, and far from what would hurt.
const MAX_BYTES: u64 = 1024 * 1024;

/// A `.env` file that may come, go and change at any time.
#[derive(Debug)]
pub(crate) struct DotenvFile {
    path: PathBuf,
    warned: AtomicBool,
}

impl DotenvFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, warned: AtomicBool::new(false) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all of the file, as it is now.
    ///
    /// Every read does, and keeps nothing: no change goes unseen, whatever a file system does to times and inodes.
    ///
    /// # Errors
    ///
    /// `Misconfigured`, `Malformed` or `Unavailable`, always of the vault; with path and line, never with content.
    pub(crate) fn load(&self) -> Result<Variables, VaultError> {
        let (file, bytes) = self.open()?;
        let content = self.content(file, bytes)?;
        let text = std::str::from_utf8(&content).map_err(|error| {
            let line = content[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
            self.malformed(line, "is not UTF-8; save the file in that encoding")
        })?;
        dotenv::parse(text).map_err(|bad| self.malformed(bad.line, bad.why))
    }

    /// Opens the file, and answers it with its length in bytes.
    fn open(&self) -> Result<(File, u64), VaultError> {
        let file = open_without_waiting(&self.path).map_err(|error| self.io_error(&error))?;
        let metadata = file.metadata().map_err(|error| self.io_error(&error))?;
        if !metadata.is_file() {
            return Err(self.misconfigured("is no regular file; put a plain text file there"));
        }
        if metadata.len() > MAX_BYTES {
            let message =
                format!("{} has more than {MAX_BYTES} bytes; is it a .env file?", self.path.display());
            return Err(VaultError::vault(ErrorKind::Malformed, message));
        }
        if self.must_warn(&metadata) {
            tracing::warn!(path = %self.path.display(), "other users can read this .env file; run chmod 600 on it");
        }
        Ok((file, metadata.len()))
    }

    /// Whether others can read the file, and nobody has been told yet.
    fn must_warn(&self, metadata: &Metadata) -> bool {
        open_to_others(metadata) && !self.warned.swap(true, Ordering::Relaxed)
    }

    /// Reads into one buffer that never grows, for growing would leave a copy behind that nobody wipes.
    fn content(&self, file: File, bytes: u64) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let capacity = usize::try_from(bytes + 1).unwrap_or(usize::MAX);
        let mut content = Zeroizing::new(Vec::with_capacity(capacity));
        file.take(bytes + 1).read_to_end(&mut content).map_err(|error| self.io_error(&error))?;
        if content.len() == capacity {
            let message = format!("{} grew while it was read; read it again", self.path.display());
            return Err(VaultError::vault(ErrorKind::Unavailable, message));
        }
        Ok(content)
    }

    /// What the system's errors mean for the vault.
    fn io_error(&self, error: &io::Error) -> VaultError {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => self.misconfigured(
                "is not there; create it, or take the key `dotenv` out of the vault for variables of the process alone",
            ),
            io::ErrorKind::PermissionDenied => {
                self.misconfigured("may not be read by the user that the server runs as; change its owner or mode")
            }
            _ => {
                let message = format!("reading {} failed: {error}", self.path.display());
                VaultError::vault(ErrorKind::Unavailable, message)
            }
        }
    }

    fn misconfigured(&self, why: &str) -> VaultError {
        VaultError::vault(ErrorKind::Misconfigured, format!("{} {why}", self.path.display()))
    }

    fn malformed(&self, line: usize, why: &str) -> VaultError {
        VaultError::vault(ErrorKind::Malformed, format!("{}: line {line} {why}", self.path.display()))
    }
}

/// Opens without waiting for whoever writes into a FIFO; on a regular file the flag does nothing.
#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// The nearest equal where files have no such flag; not verified.
#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn open_to_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o044 != 0
}

/// The nearest equal where files have no mode; not verified.
#[cfg(not(unix))]
fn open_to_others(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(answer: Result<Variables, VaultError>) -> ErrorKind {
        let error = answer.unwrap_err();
        assert_eq!(error.scope(), cofferdam_vault::Scope::Vault, "{error:?}");
        assert!(!error.message().contains("canary"), "{error:?}");
        error.kind()
    }

    #[test]
    fn what_is_no_readable_env_file_is_told_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let file = DotenvFile::new(path.clone());
        assert_eq!(kind(file.load()), ErrorKind::Misconfigured, "absent");
        std::fs::create_dir(&path).unwrap();
        assert_eq!(kind(file.load()), ErrorKind::Misconfigured, "a folder");
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "A=1\nB=canary\nbroken canary").unwrap();
        assert_eq!(kind(file.load()), ErrorKind::Malformed, "a bad line");
        assert!(file.load().unwrap_err().message().contains("line 3"));
        std::fs::write(&path, b"A=1\nB=canary\xff").unwrap();
        assert_eq!(kind(file.load()), ErrorKind::Malformed, "not UTF-8");
        assert!(file.load().unwrap_err().message().contains("line 2"));
        std::fs::write(&path, vec![b'\n'; MAX_BYTES as usize + 1]).unwrap();
        assert_eq!(kind(file.load()), ErrorKind::Malformed, "too large");
        std::fs::write(&path, vec![b'\n'; MAX_BYTES as usize]).unwrap();
        assert!(file.load().unwrap().is_empty(), "as large as it may be");
        std::fs::write(&path, "A=1").unwrap();
        assert_eq!(file.load().unwrap().len(), 1);
    }

    #[test]
    fn the_systems_errors_have_their_kinds() {
        let file = DotenvFile::new("/x/.env".into());
        for (error, kind) in [
            (io::ErrorKind::NotFound, ErrorKind::Misconfigured),
            (io::ErrorKind::NotADirectory, ErrorKind::Misconfigured),
            (io::ErrorKind::PermissionDenied, ErrorKind::Misconfigured),
            (io::ErrorKind::StaleNetworkFileHandle, ErrorKind::Unavailable),
            (io::ErrorKind::Other, ErrorKind::Unavailable),
        ] {
            let error = file.io_error(&error.into());
            assert_eq!(error.kind(), kind);
            assert!(error.message().contains("/x/.env"), "{error}");
        }
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "A=12345").unwrap();
        let dotenv = DotenvFile::new(path.clone());
        let error = dotenv.content(File::open(&path).unwrap(), 3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(dotenv.content(File::open(&path).unwrap(), 7).unwrap().len(), 7);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_warned_of_once() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, open) in [(0o600, false), (0o640, true), (0o604, true), (0o400, false)] {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
            let metadata = file.as_file().metadata().unwrap();
            let dotenv = DotenvFile::new(file.path().to_owned());
            assert_eq!(dotenv.must_warn(&metadata), open, "{mode:o}");
            assert!(!dotenv.must_warn(&metadata), "once is enough");
        }
    }
}
