//! Allows one writer at a time, across processes.
//!
//! The lock is a separate file next to the vault file, because a rename replaces the file that a lock on the vault file
//! itself would be on. It is never removed, because another writer could lock it between a check and the removal. The system
//! releases the lock of a process that dies.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cofferdam_vault::{ErrorKind, VaultError};

use crate::error::{Cause, vault_error};
use crate::os::{self, Attributes};
use crate::path::sibling;

/// Maximum time that a writer waits for others: some hundred writes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two attempts. Short compared to a write, which syncs the disk twice.
const POLL_INTERVAL: Duration = Duration::from_millis(3);

/// How often opening and creating are tried, if others remove the file in between.
const OPEN_ATTEMPTS: usize = 100;

/// The lock of a vault file, released on drop.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the file releases the lock")] File);

impl Lock {
    /// Acquires the lock of the vault file `target`. Waits at most `timeout`, and only while `is_waiting` returns true.
    ///
    /// A new lock file gets the `attributes` of the vault file, so that every user who may write the vault file may lock it.
    pub(crate) fn acquire(
        target: &Path,
        attributes: Option<Attributes>,
        timeout: Duration,
        is_waiting: impl Fn() -> bool,
    ) -> Result<Self, VaultError> {
        let path = sibling(target, "", ".lock");
        let failed = |error| vault_error(&path, Cause::Writing(error));
        let deadline = Instant::now() + timeout;
        loop {
            let file = open(&path, attributes).map_err(failed)?;
            match file.try_lock() {
                // If the file was removed while this process had it open, the lock has no effect.
                Ok(()) if is_at(&file, &path).map_err(failed)? => return Ok(Self(file)),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if !is_waiting() || Instant::now() >= deadline {
                        return Err(VaultError::vault(
                            ErrorKind::Unavailable,
                            format!(
                                "{} is being written by another process, which holds {}; try again, or stop that process",
                                target.display(),
                                path.display()
                            ),
                        ));
                    }
                    thread::sleep(POLL_INTERVAL);
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

/// Opens the lock file, or creates it.
///
/// In a folder that others can write, the file may be theirs, or a link to another file. So what it is follows from the open
/// file alone, and only a file that this call has created gets `attributes`.
fn open(path: &Path, attributes: Option<Attributes>) -> io::Result<File> {
    for _ in 0..OPEN_ATTEMPTS {
        match os::open_lock(path) {
            Ok(file) => {
                return match os::foreign_lock(&file.metadata()?, attributes) {
                    Some(why) => Err(io::Error::new(io::ErrorKind::InvalidInput, why)),
                    None => Ok(file),
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        match os::create_private(path) {
            Ok(file) => {
                if let Some(attributes) = attributes {
                    // If it fails (only the superuser may change an owner), the lock still works for this user.
                    let _ = os::set_attributes(&file, attributes);
                }
                return Ok(file);
            }
            // Another writer has just created it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is created and removed all the time"))
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = os::fingerprint(&file.metadata()?);
    match fs::symlink_metadata(path) {
        Ok(current) => Ok(held.same_file(&os::fingerprint(&current))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_held_lock_ends_with_the_timeout_or_the_caller() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.age");
        let held = Lock::acquire(&target, None, TIMEOUT, || true).unwrap();
        for error in [
            Lock::acquire(&target, None, Duration::ZERO, || true).unwrap_err(),
            // Without the caller's condition this would wait for hours.
            Lock::acquire(&target, None, TIMEOUT * 1000, || false).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Unavailable, true));
            assert!(error.message().contains("v.age.lock"), "{error}");
        }
        drop(held);
        Lock::acquire(&target, None, Duration::ZERO, || true).unwrap();
    }

    #[test]
    fn a_held_lock_file_that_was_removed_blocks_no_writer() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.age");
        let _held = Lock::acquire(&target, None, TIMEOUT, || true).unwrap();
        fs::remove_file(folder.path().join("v.age.lock")).unwrap();
        Lock::acquire(&target, None, Duration::ZERO, || true).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_of_others_is_refused_and_left_as_it_is() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let folder = tempfile::tempdir().unwrap();
        let (target, lock) = (folder.path().join("v.age"), folder.path().join("v.age.lock"));
        let vault = os::attributes(&{
            fs::write(&target, "").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
            fs::metadata(&target).unwrap()
        });
        // A second link to a file of this user, which would get the mode of the vault.
        let own = folder.path().join("own");
        fs::write(&own, "").unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
        fs::hard_link(&own, &lock).unwrap();
        Lock::acquire(&target, Some(vault), Duration::ZERO, || true).unwrap_err();
        assert_eq!(fs::metadata(&own).unwrap().mode() & 0o777, 0o600);
        // One that everyone can lock.
        fs::remove_file(&lock).unwrap();
        fs::write(&lock, "").unwrap();
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
        let error = Lock::acquire(&target, Some(vault), Duration::ZERO, || true).unwrap_err();
        assert!(error.message().contains("v.age.lock"), "{error}");
        fs::remove_file(&lock).unwrap();
        drop(Lock::acquire(&target, Some(vault), Duration::ZERO, || true).unwrap());
        assert_eq!(fs::metadata(&lock).unwrap().mode() & 0o777, 0o640, "a new one has the mode of the vault");
        // Only the superuser can give a file away.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&lock, Some(12345), None).unwrap();
            Lock::acquire(&target, Some(vault), Duration::ZERO, || true).unwrap_err();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_lock_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("v.age");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("v.age.lock"))
            .unwrap();
        Lock::acquire(&target, None, Duration::ZERO, || true).unwrap_err();
        assert!(!folder.path().join("elsewhere").exists());
    }
}
