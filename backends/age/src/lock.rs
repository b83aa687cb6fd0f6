//! One writer at a time, across processes.
//!
//! The lock is a file of its own beside the vault file, because replacing a file by renaming swaps what a lock on it would
//! lock. It is never removed: between a look at it and its removal another writer could have locked it. The system
//! lifts the lock of a process that dies.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cofferdam_vault::{ErrorKind, VaultError};

use crate::error::{Cause, vault_error};
use crate::os::{self, Attributes};
use crate::replace::beside;

/// How long a writer waits for others where nobody gives up on it before: some hundred writes by others.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

/// The pause between two tries. Short against a write, which syncs the disk twice.
const PAUSE: Duration = Duration::from_millis(3);

/// The right to replace a vault file; ends when dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the file lifts the lock")] File);

impl Lock {
    /// Takes the lock of the vault file `target`, waiting at most `wait`, and no longer than `wanted` says that somebody waits.
    ///
    /// A new lock file gets the vault file's owner and mode, `like`, so that whoever may write the one may lock the other.
    pub(crate) fn take(
        target: &Path,
        like: Option<Attributes>,
        wait: Duration,
        wanted: impl Fn() -> bool,
    ) -> Result<Self, VaultError> {
        let path = beside(target, "", ".lock");
        let failed = |error| vault_error(&path, Cause::Writing(error));
        let until = Instant::now() + wait;
        loop {
            let file = open(&path, like).map_err(failed)?;
            match file.try_lock() {
                // Someone may have removed the file while we held a handle to it; then it locks nothing.
                Ok(()) if is_at(&file, &path).map_err(failed)? => return Ok(Self(file)),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if !wanted() || Instant::now() >= until {
                        return Err(VaultError::vault(
                            ErrorKind::Unavailable,
                            format!(
                                "{} is being written by another process, which holds {}; try again, or end that process",
                                target.display(),
                                path.display()
                            ),
                        ));
                    }
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

fn open(path: &Path, like: Option<Attributes>) -> io::Result<File> {
    let is_new = fs::symlink_metadata(path).is_err();
    let file = os::open_lock(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if let (true, Some(like)) = (is_new, like) {
        // Where it fails (only the superuser gives files away), the lock still works for this user.
        let _ = os::keep_attributes(&file, like);
    }
    Ok(file)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = os::stamp(&file.metadata()?);
    match fs::symlink_metadata(path) {
        Ok(there) => Ok(held.same_file(&os::stamp(&there))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_waited_for_no_longer_than_allowed_or_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.age");
        let held = Lock::take(&target, None, WAIT, || true).unwrap();
        for error in [
            Lock::take(&target, None, Duration::ZERO, || true).unwrap_err(),
            // Without the second condition this would wait as good as forever.
            Lock::take(&target, None, WAIT * 1000, || false).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Unavailable, true));
            assert!(error.message().contains("v.age.lock"), "{error}");
        }
        drop(held);
        Lock::take(&target, None, Duration::ZERO, || true).unwrap();
    }

    #[test]
    fn a_lock_file_that_was_removed_while_held_locks_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.age");
        let _held = Lock::take(&target, None, WAIT, || true).unwrap();
        fs::remove_file(folder.path().join("v.age.lock")).unwrap();
        Lock::take(&target, None, Duration::ZERO, || true).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_lock_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.age");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("v.age.lock"))
            .unwrap();
        Lock::take(&target, None, Duration::ZERO, || true).unwrap_err();
        assert!(!folder.path().join("elsewhere").exists());
    }
}
