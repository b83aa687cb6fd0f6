//! `testkit::exercise(|| async { MyBackend::new() }).await` tests a backend against the contract.
//!
//! - [`exercise`] is the suite that the tests of every backend run with a [`BackendUnderTest`]: the same calls and the same
//!   results, gated only by the capabilities that the vault declares.
//! - [`exercise_settings`] tests that two vaults over one store are recognised by their settings.
//! - [`MemoryVault`] has every capability, and counts its requests.
//! - [`Faults`] wraps any vault, and makes it slow, silent, wrong or unavailable on request, on tokio's clock.
//! - [`Log`] records what was logged, so that a test can search it for secrets.
//!
//! Nothing here is for production: a secret in [`MemoryVault`] stays in memory as long as the process runs.

mod faults;
mod log;
mod memory;
mod suite;

pub use faults::{Calls, Fault, Faults, FaultyVault};
pub use log::Log;
pub use memory::{MemoryVault, Requests};
pub use suite::{BackendUnderTest, Dynamic, exercise, exercise_settings};

use secrecy::SecretString;

use crate::{FieldName, SecretFields, SecretPath};

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
