//! Paths of the vault file and of the files next to it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cofferdam_vault::VaultError;

use crate::error::{Cause, vault_error};

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// The file in the folder of `target` whose name is `prefix`, the name of `target`, and `suffix`.
pub(crate) fn sibling(target: &Path, prefix: &str, suffix: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(target.file_name().unwrap_or_default());
    name.push(suffix);
    target.with_file_name(name)
}

/// The file behind all links at `path`, whether it exists or not. A write replaces that file and preserves the links.
pub(crate) fn follow_links(path: &Path) -> Result<PathBuf, VaultError> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            // Not a link, or not readable. Opening the file reports that.
            Err(_) => return Ok(path),
        }
    }
    let error = io::Error::new(io::ErrorKind::InvalidInput, "too many symbolic links");
    Err(vault_error(&path, Cause::Writing(error)))
}
