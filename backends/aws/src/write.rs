//! Writes and deletes secrets safely with concurrent writers.
//!
//! Secrets Manager has one compare-and-swap operation: moving the stage `AWSCURRENT` from one version, which must have it,
//! to another. So a write first adds a version without making it current, and then moves the stage. If the stage is gone,
//! another writer won, and nothing has changed. A secret that does not exist is created, which only one writer can.
//!
//! Deleting has no such condition. So a delete first swaps in a tombstone, which is a write like any other and reads as
//! absent, and then marks the secret for deletion. If another writer writes between the two, its version would be marked
//! too; the mark is then removed. The deleted content stays in the secret as `AWSPREVIOUS` until the recovery window ends. To
//! restore the secret by hand, move `AWSCURRENT` back to it.
//!
//! A write to a secret that is marked for deletion removes the mark first. Until the stage moves, a secret that another
//! program deleted can be read again; one that this crate deleted is a tombstone.

use cofferdam_vault::{ErrorKind, Expect, VaultError, Version};

use crate::content::{Content, TOMBSTONE};
use crate::error::{Failure, Reason};
use crate::store::{CURRENT, Store};

/// Maximum number of attempts of a write that conflicts with other writers.
const MAX_ATTEMPTS: usize = 8;

/// The state of a secret.
enum State {
    /// It exists, at this version.
    Present(String),
    /// A tombstone, at this version.
    Tombstone(String),
    /// It is marked for deletion.
    Marked,
    /// It does not exist, or has no value.
    Missing,
}

impl State {
    /// Whether the state is what the writer expects.
    fn matches(&self, expect: &Expect) -> bool {
        match (self, expect) {
            (_, Expect::Any) => true,
            (Self::Present(version), Expect::Version(expected)) => version == expected.as_str(),
            (Self::Present(_), Expect::Absent) | (_, Expect::Version(_)) => false,
            (_, Expect::Absent) => true,
        }
    }
}

/// Replaces the secret `name`, if `expect` holds.
pub(crate) async fn write(
    store: &Store,
    name: &str,
    text: &str,
    expect: &Expect,
) -> Result<Version, VaultError> {
    // Whether the secret exists without a value, so that it cannot be created.
    let mut valueless = false;
    for _ in 0..MAX_ATTEMPTS {
        let state = state(store, name).await?;
        if !state.matches(expect) {
            return Err(conflict(name));
        }
        let written = match state {
            State::Present(version) | State::Tombstone(version) => {
                swap(store, name, Some(&version), text).await?
            }
            State::Marked => {
                let version = unmark(store, name).await?;
                swap(store, name, version.as_deref(), text).await?
            }
            State::Missing if valueless => swap(store, name, None, text).await?,
            State::Missing => match store.create(name, text).await {
                Ok(version) => Some(version),
                Err(Failure { reason: Reason::Exists, .. }) => {
                    valueless = true;
                    continue;
                }
                // It was marked for deletion meanwhile.
                Err(Failure { reason: Reason::WrongState, .. }) => continue,
                Err(failure) => return Err(failure.error),
            },
        };
        match written {
            Some(version) => return Ok(Version::new(version)),
            None if *expect == Expect::Any => {}
            None => return Err(conflict(name)),
        }
    }
    Err(conflict(name))
}

/// Deletes the secret `name`, if `expect` holds.
pub(crate) async fn delete(
    store: &Store,
    name: &str,
    expect: &Expect,
    recovery_window_days: u8,
) -> Result<(), VaultError> {
    for _ in 0..MAX_ATTEMPTS {
        let state = state(store, name).await?;
        if !state.matches(expect) {
            return Err(conflict(name));
        }
        let tombstone = match state {
            State::Missing | State::Marked => return Ok(()),
            // An interrupted delete. A caller that expects no secret need not complete it.
            State::Tombstone(_) if *expect == Expect::Absent => return Ok(()),
            State::Tombstone(version) => Some(version),
            State::Present(version) => swap(store, name, Some(&version), TOMBSTONE).await?,
        };
        match tombstone {
            Some(tombstone) => return mark(store, name, &tombstone, recovery_window_days).await,
            None if *expect == Expect::Any => {}
            None => return Err(conflict(name)),
        }
    }
    Err(conflict(name))
}

async fn state(store: &Store, name: &str) -> Result<State, VaultError> {
    match store.get(name, CURRENT).await {
        Ok(found)
            if matches!(Content::parse(found.text.as_deref().map(String::as_str)), Content::Deleted) =>
        {
            Ok(State::Tombstone(found.version))
        }
        Ok(found) => Ok(State::Present(found.version)),
        Err(Failure { reason: Reason::Missing, .. }) => Ok(State::Missing),
        Err(Failure { reason: Reason::WrongState, .. }) => Ok(State::Marked),
        Err(failure) => Err(failure.error),
    }
}

/// Makes `text` current instead of `from`, or of nothing. Returns its version, or `None` if another writer won.
async fn swap(
    store: &Store,
    name: &str,
    from: Option<&str>,
    text: &str,
) -> Result<Option<String>, VaultError> {
    let (version, current) = match store.put(name, text).await {
        Ok(put) => put,
        Err(Failure { reason: Reason::Missing, .. }) => return Ok(None),
        Err(Failure { reason: Reason::WrongState, .. }) => {
            return match state(store, name).await? {
                State::Missing | State::Marked => Ok(None),
                State::Present(_) | State::Tombstone(_) => Err(managed(name)),
            };
        }
        Err(failure) => return Err(failure.error),
    };
    if current {
        return Ok(Some(version));
    }
    let moved = match from {
        Some(from) => store.make_current(name, from, &version).await,
        // A first version is current at once, so another writer added it.
        None => return discard(store, name, &version).await,
    };
    match moved {
        Ok(()) => Ok(Some(version)),
        Err(Failure { reason: Reason::Parameter | Reason::Missing | Reason::WrongState, .. }) => {
            discard(store, name, &version).await
        }
        Err(failure) => Err(failure.error),
    }
}

/// Discards the version of a write that lost. A failure is ignored, because the next writer takes over the stage.
async fn discard(store: &Store, name: &str, version: &str) -> Result<Option<String>, VaultError> {
    let _ = store.discard(name, version).await;
    Ok(None)
}

/// Removes the mark for deletion, and returns the current version.
async fn unmark(store: &Store, name: &str) -> Result<Option<String>, VaultError> {
    // Read before the mark is removed: a later version is another writer's, and must not be replaced.
    let version = match store.current_version(name).await {
        Ok(version) => version,
        Err(Failure { reason: Reason::Missing, .. }) => return Ok(None),
        Err(failure) => return Err(failure.error),
    };
    match store.restore(name).await {
        // Another writer has restored it, or it has been deleted.
        Ok(()) | Err(Failure { reason: Reason::WrongState | Reason::Missing, .. }) => Ok(version),
        Err(failure) => Err(failure.error),
    }
}

/// Marks a secret whose tombstone is current for deletion.
async fn mark(
    store: &Store,
    name: &str,
    tombstone: &str,
    recovery_window_days: u8,
) -> Result<(), VaultError> {
    match store.delete(name, recovery_window_days).await {
        Ok(()) => {}
        Err(Failure { reason: Reason::Missing | Reason::WrongState, .. }) => return Ok(()),
        Err(failure) => return Err(failure.error),
    }
    let current = store.current_version(name).await?;
    if current.is_some_and(|current| current != tombstone) {
        // Written since the swap. That write was reported as successful, so it stays.
        store.restore(name).await?;
    }
    Ok(())
}

/// The error of a secret that exists and rejects new versions.
fn managed(name: &str) -> VaultError {
    let message =
        format!("the secret {name} cannot be written: another AWS service manages it; change it there");
    VaultError::secret(ErrorKind::Unsupported, message)
}

fn conflict(name: &str) -> VaultError {
    let message = format!("the secret {name} was changed by another writer; read it again, then retry");
    VaultError::secret(ErrorKind::Conflict, message)
}
