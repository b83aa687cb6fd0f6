//! Replaces the vault file atomically: after a power failure it has the old or the new content.
//!
//! The new content is encrypted and written to a temporary file in the same folder. That file is synced to the disk before
//! a rename makes it the vault file; the folder is synced afterwards. A writer that is killed leaves its temporary file
//! behind. The next writer removes it: it holds the lock, so no other writer is active.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cofferdam_vault::{Salt, VaultError};

use crate::error::{Cause, vault_error};
use crate::lock::Lock;
use crate::os::{self, Attributes, Fingerprint};
use crate::path::sibling;

/// The suffix of temporary files. Their prefix is `.`, the vault file's name and `.`.
const TEMPORARY_SUFFIX: &str = ".cofferdam-tmp";

/// The result of a replacement.
pub(crate) enum Replaced {
    /// The new content is in place, in a file with this fingerprint and these attributes.
    Done(Fingerprint, Attributes),
    /// A program that does not use the lock (an editor) changed the file meanwhile. Nothing was written.
    Conflict,
}

/// Replaces `target` with `content`, if it is still in the state `old` in which it was read.
pub(crate) fn replace(
    target: &Path,
    content: &[u8],
    old: Option<(Fingerprint, Attributes)>,
    _lock: &Lock,
) -> Result<Replaced, VaultError> {
    remove_leftovers(target);
    let failed = |path: &Path, error| vault_error(path, Cause::Writing(error));
    let unique = Salt::random()?.to_hex();
    let path = sibling(target, ".", &format!(".{unique}{TEMPORARY_SUFFIX}"));
    let temporary = Temporary { path, renamed: false };
    let file = create(&temporary.path, content, old.map(|(_, attributes)| attributes))
        .map_err(|error| failed(&temporary.path, error))?;
    if current(target).map_err(|error| failed(target, error))? != old.map(|(fingerprint, _)| fingerprint) {
        return Ok(Replaced::Conflict);
    }
    temporary.rename(target).map_err(|error| failed(target, error))?;
    os::sync_folder(target.parent().unwrap_or(Path::new(""))).map_err(|error| failed(target, error))?;
    let metadata = file.metadata().map_err(|error| failed(target, error))?;
    Ok(Replaced::Done(os::fingerprint(&metadata), os::attributes(&metadata)))
}

fn create(path: &Path, content: &[u8], attributes: Option<Attributes>) -> io::Result<File> {
    let mut file = os::create_private(path)?;
    file.write_all(content)?;
    if let Some(attributes) = attributes {
        os::set_attributes(&file, attributes)?;
    }
    file.sync_all()?;
    Ok(file)
}

fn current(target: &Path) -> io::Result<Option<Fingerprint>> {
    match fs::symlink_metadata(target) {
        Ok(metadata) => Ok(Some(os::fingerprint(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the temporary files of killed writers. A failure is ignored, because the files do no harm.
fn remove_leftovers(target: &Path) {
    let prefix = sibling(target, ".", ".");
    let Some(prefix) = prefix.file_name() else { return };
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(TEMPORARY_SUFFIX.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A temporary file, removed on drop unless it was renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock;

    #[test]
    fn a_file_that_changed_after_it_was_read_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.age");
        let lock = Lock::acquire(&target, None, lock::TIMEOUT, || true).unwrap();
        let Replaced::Done(fingerprint, attributes) = replace(&target, b"one", None, &lock).unwrap() else {
            panic!()
        };
        // An editor writes in place, and another one creates a missing file.
        fs::write(&target, "by hand").unwrap();
        for old in [Some((fingerprint, attributes)), None] {
            assert!(matches!(replace(&target, b"two", old, &lock).unwrap(), Replaced::Conflict));
        }
        assert_eq!(fs::read(&target).unwrap(), b"by hand");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "the vault file and its lock, no temporary file");
    }
}
