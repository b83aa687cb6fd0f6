//! Reads the `.env` file in bounded time and space. Blocks, so it runs on the compartment's threads.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use cofferdam_vault::files::RegularFile;
use cofferdam_vault::{ErrorKind, VaultError};

use crate::dotenv::{self, Dotenv, InvalidLine};
use crate::error::vault_error;

/// Maximum size of a `.env` file: room for thousands of secrets.
const MAX_BYTES: usize = 1024 * 1024;

/// A `.env` file, which may appear, disappear and change at any time.
#[derive(Debug)]
pub(crate) struct DotenvFile {
    path: PathBuf,
    warned: AtomicBool,
    /// The invalid lines that the log names already.
    logged: Mutex<Vec<InvalidLine>>,
}

impl DotenvFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, warned: AtomicBool::new(false), logged: Mutex::default() }
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
    /// `Misconfigured`, `Malformed` or `Unavailable`, with scope vault. The message names path and line, never content. A
    /// line that cannot be parsed is not an error.
    pub(crate) fn load(&self) -> Result<Dotenv, VaultError> {
        let mut file = RegularFile::open(&self.path).map_err(|error| vault_error(&self.path, error))?;
        if self.must_warn(file.metadata()) {
            tracing::warn!(path = %self.path.display(), "other users can read this .env file; run `chmod 600` on it");
        }
        let content = file.read(MAX_BYTES).map_err(|error| vault_error(&self.path, error))?;
        if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
            let message = format!("{} is UTF-16; save the file as UTF-8", self.path.display());
            return Err(VaultError::vault(ErrorKind::Malformed, message));
        }
        let parsed = dotenv::parse(&content);
        self.log(parsed.invalid_lines());
        Ok(parsed)
    }

    /// Logs the invalid lines, once until others are invalid.
    fn log(&self, lines: Vec<InvalidLine>) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if *logged == lines {
            return;
        }
        if let [first, others @ ..] = &*lines {
            tracing::warn!(
                path = %self.path.display(),
                others = others.len(),
                "{first} in this .env file; {}",
                first.why.help()
            );
        }
        *logged = lines;
    }

    /// Whether other users can read the file, and the log does not say so yet.
    fn must_warn(&self, metadata: &Metadata) -> bool {
        readable_by_others(metadata) && !self.warned.swap(true, Ordering::Relaxed)
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

    fn kind(result: Result<Dotenv, VaultError>) -> ErrorKind {
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
        for utf16 in [b"\xff\xfeA\0=\0".as_slice(), b"\xfe\xff\0A\0="] {
            std::fs::write(&path, utf16).unwrap();
            assert_eq!(kind(file.load()), ErrorKind::Malformed, "UTF-16");
        }
        std::fs::write(&path, vec![b'\n'; MAX_BYTES + 1]).unwrap();
        assert_eq!(kind(file.load()), ErrorKind::Malformed, "too large");
        std::fs::write(&path, vec![b'\n'; MAX_BYTES]).unwrap();
        assert!(file.load().unwrap().variables.is_empty(), "the maximum size");
        std::fs::write(&path, "A=1").unwrap();
        assert_eq!(file.load().unwrap().variables.len(), 1);
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
