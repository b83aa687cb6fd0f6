//! `exercise(|| async { MyBackend::new() }).await`: the calls that every backend must handle in the same way.
//!
//! Each case starts on an empty store and has one correct result, which depends only on the declared
//! [`Capabilities`](crate::Capabilities): a call without its capability fails with exactly the kind that the contract
//! names.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)] // these are tests: here a panic is the report

mod diagnose;
mod lease;
mod list;
mod outage;
mod race;
mod read;
mod secrecy;
mod settings;
mod watch;
mod write;

pub use settings::exercise_settings;

use std::sync::Arc;
use std::time::Duration;

use crate::{
    BoxFuture, ErrorKind, Expect, FieldName, Scope, Secret, SecretFields, SecretPath, Stage, Vault,
    VaultError,
};

/// A backend under test with an empty store, and how to change that store from outside.
///
/// The suite makes one for each case and drops it afterwards.
pub trait BackendUnderTest {
    /// Opens the store as another process would: the vaults that this returns share only the store.
    fn open(&self) -> Arc<dyn Vault>;

    /// Replaces the secret at `path` without the vault under test, as an operator would.
    ///
    /// A store that maps names maps them here. Within one secret the suite uses no two field names that differ
    /// only in case or in `-`, `.` and `_`.
    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()>;

    /// Removes the secret at `path` without the vault under test.
    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()>;

    /// Makes the store unavailable to every handle, and returns the kind with which reads, writes and probes then fail.
    fn take_down(&self) -> BoxFuture<'_, ErrorKind>;

    /// Undoes [`BackendUnderTest::take_down`]. The secrets are as before.
    fn bring_up(&self) -> BoxFuture<'_, ()>;

    /// Whether a field can hold an empty string. If not, an empty field counts as missing. True by default.
    fn holds_empty_values(&self) -> bool {
        true
    }

    /// A secret of which every read creates a lease. Required if the vault declares `dynamic`. `None` by default.
    fn dynamic(&self) -> Option<Dynamic> {
        None
    }
}

/// A secret whose reads create leases.
#[derive(Debug, Clone)]
pub struct Dynamic {
    /// Its path.
    pub path: SecretPath,
    /// Its fields.
    pub fields: Vec<FieldName>,
    /// How long its leases last.
    pub duration: Duration,
}

/// Tests a backend against the contract. `fresh` makes an empty store each time it is called.
///
/// Runs on any tokio runtime, with its clock paused or not.
///
/// # Panics
///
/// If the backend breaks the contract, with the call, its result and the expected result.
pub async fn exercise<S: BackendUnderTest>(fresh: impl AsyncFn() -> S) {
    read::cases(&fresh).await;
    write::cases(&fresh).await;
    race::cases(&fresh).await;
    list::cases(&fresh).await;
    lease::cases(&fresh).await;
    outage::cases(&fresh).await;
    secrecy::cases(&fresh).await;
    diagnose::cases(&fresh).await;
    watch::cases(&fresh).await;
}

/// The names of `fields`.
fn names(fields: &SecretFields) -> Vec<FieldName> {
    fields.keys().cloned().collect()
}

/// Reads the current state of the fields in `expected`, and compares them.
async fn expect_fields(vault: &dyn Vault, path: &SecretPath, expected: &SecretFields) -> Secret {
    let secret = match vault.read(path, &names(expected), Stage::Current).await {
        Ok(secret) => secret,
        Err(error) => panic!("{path} must be there and was {error:?}"),
    };
    assert_fields(&secret, expected);
    secret
}

/// Asserts that `secret` holds each of `expected` with its exact value. A difference is shown by name and length, never by
/// value.
#[track_caller]
fn assert_fields(secret: &Secret, expected: &SecretFields) {
    use crate::ExposeSecret as _;
    for (name, value) in expected {
        let (found, value) = (secret.expose(name), value.expose_secret());
        assert!(
            found == Some(value),
            "field {name} must have the {} bytes that were stored, and has {:?}",
            value.len(),
            found.map(str::len),
        );
    }
}

/// Asserts that `result` is an error of that kind and scope.
#[track_caller]
fn assert_refused<T>(result: Result<T, VaultError>, kind: ErrorKind, scope: Scope, what: &str) {
    match result {
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

/// Asserts that the secret is absent: reading the field `token` of `path` is `NotFound`.
async fn expect_absent(vault: &dyn Vault, path: &SecretPath, what: &str) {
    let result = vault.read(path, &[super::field("token")], Stage::Current).await;
    assert_refused(result, ErrorKind::NotFound, Scope::Secret, what);
}

/// A write that must succeed, for cases that test something else.
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
