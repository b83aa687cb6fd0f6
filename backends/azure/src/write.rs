//! Writes and deletes secrets.
//!
//! Key Vault has no conditional operations, so what a writer expects is checked just before.
//!
//! A deleted secret keeps its name until it is purged, and recovering it makes its last version current again. So a delete
//! first adds a version that reads as absent, a tombstone, and a write to a deleted secret recovers it only if its last version
//! is one. A secret that another program deleted is not recovered, because its content would be readable in between.

use std::time::SystemTime;

use cofferdam_vault::{Expect, VaultError, Version};

use crate::entry::TOMBSTONE;
use crate::error::{Failure, Reason, conflict};
use crate::key_vault::{KeyVault, subject};

/// The content type of a secret that is written here.
const JSON: &str = "application/json";

/// The value of a tombstone.
const EMPTY: &str = "{}";

/// The state of a secret.
enum State {
    /// It can be read, at this version.
    Present(String),
    /// It exists and reads as absent: it is disabled, has expired, or is a tombstone.
    Hidden,
    Missing,
}

impl State {
    async fn of(store: &KeyVault, name: &str) -> Result<Self, VaultError> {
        match store.get(name, None).await {
            Ok(found) => {
                Ok(match (found.entry.check(&subject(name), SystemTime::now()), found.entry.version()) {
                    (Ok(()), Some(version)) => Self::Present(version.to_owned()),
                    _ => Self::Hidden,
                })
            }
            Err(Failure { reason: Reason::Missing, .. }) => Ok(Self::Missing),
            Err(Failure { reason: Reason::Disabled, .. }) => Ok(Self::Hidden),
            Err(failure) => Err(failure.error),
        }
    }

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

/// Adds a version with `text` to the secret `name` if `expect` holds.
pub(crate) async fn write(
    store: &KeyVault,
    name: &str,
    text: &str,
    expect: &Expect,
) -> Result<Version, VaultError> {
    if *expect != Expect::Any && !State::of(store, name).await?.matches(expect) {
        return Err(conflict(&subject(name)));
    }
    let version = match store.set(name, text, JSON).await {
        Err(deleted @ Failure { reason: Reason::Deleted, .. }) => {
            if !store.deleted(name).await?.is_tombstone() {
                return Err(deleted.error);
            }
            store.recover(name).await?;
            store.set(name, text, JSON).await?
        }
        set => set?,
    };
    Ok(Version::new(version))
}

/// Deletes the secret `name` if `expect` holds.
pub(crate) async fn delete(store: &KeyVault, name: &str, expect: &Expect) -> Result<(), VaultError> {
    let state = State::of(store, name).await?;
    if !state.matches(expect) {
        return Err(conflict(&subject(name)));
    }
    match (state, expect) {
        (State::Missing, _) | (State::Hidden, Expect::Absent) => return Ok(()),
        (State::Present(_) | State::Hidden, _) => {}
    }
    store.set(name, EMPTY, TOMBSTONE).await?;
    match store.delete(name).await {
        Err(Failure { reason: Reason::Missing | Reason::InTransition, .. }) => Ok(()),
        deleted => Ok(deleted?),
    }
}
