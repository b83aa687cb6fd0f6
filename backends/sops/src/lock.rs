//! Allows one writer of this program at a time, across processes.
//!
//! The lock is on the folder of the document, because a rename replaces the document, and a file of its own would be in
//! the way in a git repository. Documents in one folder wait for each other.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use cofferdam_vault::{ErrorKind, VaultError};

use crate::error;

/// Maximum time that a writer waits for others.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The pause between two attempts: short compared to a write, which runs a program.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The lock of a folder, released on drop.
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the folder releases the lock")] File);

impl Lock {
    /// Acquires the lock of `folder`. Waits only while `is_waiting` returns true.
    pub(crate) fn acquire(folder: &Path, is_waiting: impl Fn() -> bool) -> Result<Self, VaultError> {
        let file = File::open(folder).map_err(|why| error::unwritable_file(folder, &why))?;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if is_waiting() && Instant::now() < deadline => {
                    std::thread::sleep(POLL_INTERVAL);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(VaultError::vault(
                        ErrorKind::Unavailable,
                        format!("another process writes in {}; try again", folder.display()),
                    ));
                }
                Err(TryLockError::Error(why)) => return Err(error::unwritable_file(folder, &why)),
            }
        }
    }
}
