//! `exercise(|| async { MySubject::new() }).await`: the calls that every backend answers alike.
//!
//! Each case starts on an empty store and has one right outcome, which only the declared
//! [`Capabilities`](crate::Capabilities) choose: a call without its capability is refused with exactly the kind that the
//! contract names.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)] // these are tests: here a panic is the report

mod diagnose;
mod lease;
mod list;
mod outage;
mod race;
mod read;
mod secrecy;
mod write;

use std::sync::Arc;
use std::time::Duration;

use crate::{
    BoxFuture, ErrorKind, Expect, FieldName, Scope, Secret, SecretFields, SecretPath, Stage, Vault,
    VaultError,
};

/// One store under test, empty at first, as the outside world sees it.
///
/// The suite makes one for each case and drops it afterwards.
pub trait Subject {
    /// Opens the store, as another process would: what this answers shares nothing with earlier answers but the store.
    fn open(&self) -> Arc<dyn Vault>;

    /// Replaces the secret at `path` past the vault under test, as an operator would.
    ///
    /// A store that maps names maps them here. Within one secret the suite uses no two field names that differ
    /// only in case or in `-`, `.` and `_`.
    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()>;

    /// Removes the secret at `path` past the vault under test.
    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()>;

    /// Takes the store out of reach of every handle, and answers the kind that reads, writes and probes then meet.
    fn take_down(&self) -> BoxFuture<'_, ErrorKind>;

    /// Undoes [`Subject::take_down`]; the secrets are as before.
    fn bring_up(&self) -> BoxFuture<'_, ()>;

    /// Whether a field may be there and empty. Where not, an empty field counts as missing. True by default.
    fn holds_empty_values(&self) -> bool {
        true
    }

    /// A secret whose every read creates a lease: needed where the vault declares `dynamic`. `None` by default.
    fn dynamic(&self) -> Option<Dynamic> {
        None
    }
}

/// A secret whose reads create leases.
#[derive(Debug, Clone)]
pub struct Dynamic {
    /// Where it lies.
    pub path: SecretPath,
    /// What can be read of it.
    pub fields: Vec<FieldName>,
    /// How long its leases last.
    pub duration: Duration,
}

/// Holds a backend to the contract; `fresh` makes an empty store each time it is called.
///
/// Runs on any tokio runtime, its clock paused or not.
///
/// # Panics
///
/// With what was done, what came and what should have come, where the backend does otherwise.
pub async fn exercise<S: Subject>(fresh: impl AsyncFn() -> S) {
    read::cases(&fresh).await;
    write::cases(&fresh).await;
    race::cases(&fresh).await;
    list::cases(&fresh).await;
    lease::cases(&fresh).await;
    outage::cases(&fresh).await;
    secrecy::cases(&fresh).await;
    diagnose::cases(&fresh).await;
}

/// The names of `fields`: what to ask for to get all of them.
fn names(fields: &SecretFields) -> Vec<FieldName> {
    fields.keys().cloned().collect()
}

/// Reads the current state of exactly `wanted`'s fields, and holds the answer against `wanted`.
async fn expect_fields(vault: &dyn Vault, path: &SecretPath, wanted: &SecretFields) -> Secret {
    let secret = match vault.read(path, &names(wanted), Stage::Current).await {
        Ok(secret) => secret,
        Err(error) => panic!("{path} must be there and was {error:?}"),
    };
    assert_holds(&secret, wanted);
    secret
}

/// Each of `wanted` is in `secret`, with its exact value. A difference is shown by name and length, never by value.
#[track_caller]
fn assert_holds(secret: &Secret, wanted: &SecretFields) {
    use crate::ExposeSecret as _;
    for (name, value) in wanted {
        let (found, value) = (secret.expose(name), value.expose_secret());
        assert!(
            found == Some(value),
            "field {name} must have the {} bytes that were stored, and has {:?}",
            value.len(),
            found.map(str::len),
        );
    }
}

/// `answer` is an error of that kind and scope.
#[track_caller]
fn assert_refused<T>(answer: Result<T, VaultError>, kind: ErrorKind, scope: Scope, what: &str) {
    match answer {
        Ok(_) => panic!("{what} must be refused as {kind}, and succeeded"),
        Err(error) => {
            assert_eq!((error.kind(), error.scope()), (kind, scope), "{what}: {error:?}");
            assert!(!error.message().trim().is_empty(), "{what}: the message is empty");
        }
    }
}

/// A secret with the one field `token`.
fn token(value: &str) -> SecretFields {
    super::fields([("token", value)])
}

/// Nothing is there: reading the field `token` of `path` is `NotFound`.
async fn expect_absent(vault: &dyn Vault, path: &SecretPath, what: &str) {
    let answer = vault.read(path, &[super::field("token")], Stage::Current).await;
    assert_refused(answer, ErrorKind::NotFound, Scope::Secret, what);
}

/// Writes that must succeed, for the cases about something else.
async fn must_write(
    vault: &dyn Vault,
    path: &SecretPath,
    fields: &SecretFields,
    expect: Expect,
) -> crate::Version {
    match vault.write(path, fields, expect.clone()).await {
        Ok(version) => version,
        Err(error) => panic!("writing {path} with {expect:?} must succeed and was {error:?}"),
    }
}
