//! How a write or a delete meets other writers.
//!
//! Secrets Manager has one operation that compares and swaps: moving the stage `AWSCURRENT` from a version that must have
//! it to another. So a write first puts a version that nobody reads, and then moves the stage; who finds it gone has
//! lost, and has changed nothing. A secret that does not exist is created, which only one can.
//!
//! Deleting has no such condition of its own. So a delete swaps in a tombstone first, which is a write like any other and
//! reads as absent, and then marks the secret for deletion. Where somebody writes between the two, that write would be
//! marked too: the mark is taken away again. What was deleted stays in the secret as `AWSPREVIOUS` until the recovery
//! window ends: who restores the secret by hand moves `AWSCURRENT` back to it.
//!
//! Writing over a secret that is marked for deletion takes the mark away first. For the moment until the stage moves, a secret
//! that someone else deleted can be read again; one that was deleted here is a tombstone.

use cofferdam_vault::{ErrorKind, Expect, VaultError, Version};

use crate::content::{Content, TOMBSTONE};
use crate::error::{Failure, Reason};
use crate::store::{CURRENT, Store};

/// How often a writer that expects nothing begins anew when others get in between, before it gives up.
const ROUNDS: usize = 8;

/// What is there now.
enum State {
    /// A secret, at this version.
    Taken(String),
    /// A tombstone, at this version.
    Tombstone(String),
    /// A secret that is marked for deletion.
    Marked,
    /// No secret, or one without a value.
    Missing,
}

impl State {
    /// Whether what the writer believes is so.
    fn fits(&self, expect: &Expect) -> bool {
        match (self, expect) {
            (_, Expect::Any) => true,
            (Self::Taken(version), Expect::Version(expected)) => version == expected.as_str(),
            (Self::Taken(_), Expect::Absent) | (_, Expect::Version(_)) => false,
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
    // Whether there is a secret that has no value: it cannot be created again.
    let mut valueless = false;
    for _ in 0..ROUNDS {
        let state = state(store, name).await?;
        if !state.fits(expect) {
            return Err(conflict(name));
        }
        let written = match state {
            State::Taken(version) | State::Tombstone(version) => {
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
                // It has been marked for deletion since.
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
    for _ in 0..ROUNDS {
        let state = state(store, name).await?;
        if !state.fits(expect) {
            return Err(conflict(name));
        }
        let tombstone = match state {
            State::Missing | State::Marked => return Ok(()),
            // A delete that was interrupted; who expects to find nothing has nothing to finish.
            State::Tombstone(_) if *expect == Expect::Absent => return Ok(()),
            State::Tombstone(version) => Some(version),
            State::Taken(version) => swap(store, name, Some(&version), TOMBSTONE).await?,
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
        Ok(got) if matches!(Content::parse(got.text.as_deref().map(String::as_str)), Content::Deleted) => {
            Ok(State::Tombstone(got.version))
        }
        Ok(got) => Ok(State::Taken(got.version)),
        Err(Failure { reason: Reason::Missing, .. }) => Ok(State::Missing),
        Err(Failure { reason: Reason::WrongState, .. }) => Ok(State::Marked),
        Err(failure) => Err(failure.error),
    }
}

/// Makes `text` current where `from` is, or where nothing is; answers its version, or `None` where another one was quicker.
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
                State::Taken(_) | State::Tombstone(_) => Err(managed(name)),
            };
        }
        Err(failure) => return Err(failure.error),
    };
    if current {
        return Ok(Some(version));
    }
    let moved = match from {
        Some(from) => store.make_current(name, from, &version).await,
        // The first version is current at once. Another one came first.
        None => return lost(store, name, &version).await,
    };
    match moved {
        Ok(()) => Ok(Some(version)),
        Err(Failure { reason: Reason::Parameter | Reason::Missing | Reason::WrongState, .. }) => {
            lost(store, name, &version).await
        }
        Err(failure) => Err(failure.error),
    }
}

/// Cleans up after a write that lost. A stage that the next writer has taken already is off; and where this fails, the next
/// writer takes it.
async fn lost(store: &Store, name: &str, version: &str) -> Result<Option<String>, VaultError> {
    let _ = store.discard(name, version).await;
    Ok(None)
}

/// Takes the mark for deletion away, and answers which version is current then.
async fn unmark(store: &Store, name: &str) -> Result<Option<String>, VaultError> {
    // Before the mark goes: a version that comes afterwards is another writer's, and must not be swapped out.
    let version = match store.current_version(name).await {
        Ok(version) => version,
        Err(Failure { reason: Reason::Missing, .. }) => return Ok(None),
        Err(failure) => return Err(failure.error),
    };
    match store.restore(name).await {
        // Another writer has restored it, or it has reached its end.
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
        // Written since the swap: that write was told that it succeeded, and stays.
        store.restore(name).await?;
    }
    Ok(())
}

/// What is neither gone nor going, and still takes no version.
fn managed(name: &str) -> VaultError {
    let message = format!(
        "the secret {name} takes no version from us: another service of AWS manages it; change it there"
    );
    VaultError::secret(ErrorKind::Unsupported, message)
}

fn conflict(name: &str) -> VaultError {
    let message =
        format!("the secret {name} is not as it was when it was read; read it again before changing it");
    VaultError::secret(ErrorKind::Conflict, message)
}
