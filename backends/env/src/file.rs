//! Reads the `.env` file in bounded time and space. Blocks, so it runs on the compartment's threads.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_vault::files::RegularFile;
use cofferdam_vault::{ErrorKind, VaultError};

use crate::dotenv::{self, Variables};
use crate::error::vault_error;

/// Maximum size of a `.env` file: room for thousands of secrets.
const MAX_BYTES: usize = 1024 * 1024;

/// A `.env` file, which may appear, disappear and change at any time.
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

    /// Reads the whole file.
    ///
    /// Nothing is cached, so a read sees every change, whatever the file system reports as times and inodes.
    ///
    /// # Errors
    ///
    /// `Misconfigured`, `Malformed` or `Unavailable`, with scope vault. The message names path and line, never content.
    pub(crate) fn load(&self) -> Result<Variables, VaultError> {
        let mut file = RegularFile::open(&self.path).map_err(|error| vault_error(&self.path, error))?;
        if self.must_warn(file.metadata()) {
            tracing::warn!(path = %self.path.display(), "other users can read this .env file; run `chmod 600` on it");
        }
        let content = file.read(MAX_BYTES).map_err(|error| vault_error(&self.path, error))?;
        let text = std::str::from_utf8(&content).map_err(|error| {
            let line = content[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
            self.malformed(line, "is not UTF-8; save the file as UTF-8")
        })?;
        dotenv::parse(text).map_err(|invalid| self.malformed(invalid.line, invalid.why))
    }

    /// Whether other users can read the file, and the log does not say so yet.
    fn must_warn(&self, metadata: &Metadata) -> bool {
        readable_by_others(metadata) && !self.warned.swap(true, Ordering::Relaxed)
    }

    fn malformed(&self, line: usize, why: &str) -> VaultError {
        VaultError::vault(ErrorKind::Malformed, format!("{}: line {line} {why}", self.path.display()))
    }
}

#[cfg(unix)]
fn readable_by_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o044 != 0
}

/// Fallback for systems without file modes; not verified.
#[cfg(not(unix))]
fn readable_by_others(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(result: Result<Variables, VaultError>) -> ErrorKind {
        let error = result.unwrap_err();
        assert_eq!(error.scope(), cofferdam_vault::Scope::Vault, "{error:?}");
        assert!(!error.message().contains("canary"), "{error:?}");
        error.kind()
    }

    #[test]
    fn an_unreadable_file_has_its_kind_of_error() {
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
        std::fs::write(&path, vec![b'\n'; MAX_BYTES + 1]).unwrap();
        assert_eq!(kind(file.load()), ErrorKind::Malformed, "too large");
        std::fs::write(&path, vec![b'\n'; MAX_BYTES]).unwrap();
        assert!(file.load().unwrap().is_empty(), "the maximum size");
        std::fs::write(&path, "A=1").unwrap();
        assert_eq!(file.load().unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_logged_once() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, open) in [(0o600, false), (0o640, true), (0o604, true), (0o400, false)] {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
            let metadata = file.as_file().metadata().unwrap();
            let dotenv = DotenvFile::new(file.path().to_owned());
            assert_eq!(dotenv.must_warn(&metadata), open, "{mode:o}");
            assert!(!dotenv.must_warn(&metadata), "logged once");
        }
    }
}
