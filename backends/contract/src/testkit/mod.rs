//! `testkit::exercise(|| async { MyBackend::new() }).await` tests a backend against the contract.
//!
//! - [`exercise`] is the suite that the tests of every backend run with a [`BackendUnderTest`]: the same calls and the same
//!   results, gated only by the capabilities that the vault declares.
//! - [`exercise_settings`] tests that two vaults over one store are recognised by their settings.
//! - [`MemoryVault`] has every capability, and counts its requests.
//! - [`Faults`] wraps any vault, and makes it slow, silent, wrong or unavailable on request, on tokio's clock.
//! - [`open`] opens a vault by its settings, and [`expect_error`] compares an error.
//! - [`Log`] records what was logged, so that a test can search it for secrets.
//!
//! Nothing here is for production: a secret in [`MemoryVault`] stays in memory as long as the process runs.

mod faults;
mod log;
mod memory;
mod suite;
mod watches;

pub use faults::{Calls, Fault, Faults, FaultyVault};
pub use log::Log;
pub use memory::{MemoryVault, Requests};
pub use suite::{BackendUnderTest, Dynamic, exercise, exercise_settings};

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;

use crate::{
    BackendConfig, ErrorKind, FieldName, Scope, SecretFields, SecretPath, Threads, Vault, VaultContext,
    VaultError,
};

/// Opens the vault with `settings`, the TOML of its table. Relative paths are in `folder`.
///
/// # Panics
///
/// If the settings are not accepted: in a test the panic is the report.
#[allow(clippy::panic)] // documented: the settings are the test's own
pub fn open<C: BackendConfig>(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    let config: C = toml::from_str(settings).unwrap_or_else(|error| panic!("{error}"));
    let problems = config.check();
    assert!(problems.is_empty(), "{problems}");
    config.into_vault(VaultContext {
        name: "test".to_owned(),
        base_dir: folder.to_owned(),
        threads: Threads::new("test", 4),
        prompt: None,
    })
}

/// Asserts that `result` is an error of this kind and scope, and returns it.
///
/// # Panics
///
/// If it is another one, or none.
#[track_caller]
#[allow(clippy::panic)] // documented
pub fn expect_error<T>(result: Result<T, VaultError>, kind: ErrorKind, scope: Scope) -> VaultError {
    let Err(error) = result else { panic!("it must fail as {kind}, and succeeded") };
    assert_eq!((error.kind(), error.scope()), (kind, scope), "{error:?}");
    error
}

/// Parses a path.
///
/// # Panics
///
/// If `text` is not a path: in a test the panic is the report.
#[allow(clippy::panic)] // documented: the string is the test's own
pub fn path(text: &str) -> SecretPath {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Parses a field name.
///
/// # Panics
///
/// As [`path()`].
#[allow(clippy::panic)] // documented: the string is the test's own
pub fn field(text: &str) -> FieldName {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// The fields of a secret, from pairs of name and value.
///
/// # Panics
///
/// As [`path()`].
pub fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> SecretFields {
    pairs.into_iter().map(|(name, value)| (field(name), SecretString::from(value))).collect()
}
