//! Replacing the vault file whole: at no moment, a power cut included, is there less than the old or the new content.
//!
//! The new content goes into a temporary file in the same folder, already encrypted, and is synced to the disk before the
//! rename makes it the vault file; the folder is synced after. A writer that is killed leaves its temporary file behind. The next
//! one, which holds the lock and so knows that nobody else writes, removes it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cofferdam_vault::VaultError;

use crate::error::{Cause, vault_error};
use crate::lock::Lock;
use crate::os::{self, Attributes, Stamp};
use crate::version::Salt;

/// How the name of a temporary file ends; it begins with `.`, the vault file's name and `.`.
const TEMPORARY: &str = ".cofferdam-tmp";

/// As many links as Linux follows.
const LINKS_MAX: usize = 40;

/// What became of a replacement.
pub(crate) enum Replaced {
    /// The new content is there, in a file of this stamp and these attributes.
    Done(Stamp, Attributes),
    /// Someone who does not take the lock (an editor) changed the file meanwhile; nothing was written.
    Overtaken,
}

/// `target`'s name between `before` and `after`, in `target`'s folder.
pub(crate) fn beside(target: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = OsString::from(before);
    name.push(target.file_name().unwrap_or_default());
    name.push(after);
    target.with_file_name(name)
}

/// The file that `path` leads to, through links, whether it exists or not: a link to a vault file outlasts a write.
pub(crate) fn follow(path: &Path) -> Result<PathBuf, VaultError> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            // It is a file, or nothing, or nothing that can be told from here; opening it tells.
            Err(_) => return Ok(path),
        }
    }
    let error = io::Error::new(io::ErrorKind::InvalidInput, "too many symbolic links");
    Err(vault_error(&path, Cause::Writing(error)))
}

/// Puts `content` in the place of `target`, which was in the state `old` when it was read.
pub(crate) fn replace(
    target: &Path,
    content: &[u8],
    old: Option<(Stamp, Attributes)>,
    _lock: &Lock,
) -> Result<Replaced, VaultError> {
    sweep(target);
    let failed = |path: &Path, error| vault_error(path, Cause::Writing(error));
    let unique = Salt::random().map_err(|error| vault_error(target, Cause::Random(error)))?.to_hex();
    let temporary = Temporary(beside(target, ".", &format!(".{unique}{TEMPORARY}")));
    let file = fill(&temporary.0, content, old.map(|(_, kept)| kept))
        .map_err(|error| failed(&temporary.0, error))?;
    if now(target).map_err(|error| failed(target, error))? != old.map(|(stamp, _)| stamp) {
        return Ok(Replaced::Overtaken);
    }
    fs::rename(&temporary.0, target).map_err(|error| failed(target, error))?;
    std::mem::forget(temporary);
    os::sync_folder(target.parent().unwrap_or(Path::new(""))).map_err(|error| failed(target, error))?;
    let metadata = file.metadata().map_err(|error| failed(target, error))?;
    Ok(Replaced::Done(os::stamp(&metadata), os::attributes(&metadata)))
}

fn fill(path: &Path, content: &[u8], kept: Option<Attributes>) -> io::Result<File> {
    let mut file = os::create_private(path)?;
    file.write_all(content)?;
    if let Some(kept) = kept {
        os::keep_attributes(&file, kept)?;
    }
    file.sync_all()?;
    Ok(file)
}

fn now(target: &Path) -> io::Result<Option<Stamp>> {
    match fs::symlink_metadata(target) {
        Ok(metadata) => Ok(Some(os::stamp(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes what killed writers left behind. What cannot be removed is only litter, so no failure counts.
fn sweep(target: &Path) {
    let start = beside(target, ".", ".");
    let Some(start) = start.file_name() else { return };
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(start.as_encoded_bytes()) && name.ends_with(TEMPORARY.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A temporary file, removed when the write did not come to its end.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
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
        let lock = Lock::take(&target, None, lock::WAIT, || true).unwrap();
        let Replaced::Done(stamp, attributes) = replace(&target, b"one", None, &lock).unwrap() else {
            panic!()
        };
        // An editor writes in place, and another creates what was not there.
        fs::write(&target, "by hand").unwrap();
        for old in [Some((stamp, attributes)), None] {
            assert!(matches!(replace(&target, b"two", old, &lock).unwrap(), Replaced::Overtaken));
        }
        assert_eq!(fs::read(&target).unwrap(), b"by hand");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "the vault file and its lock, and no temporary file");
    }
}
