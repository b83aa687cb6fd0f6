//! `testkit::exercise(|| async { MySubject::new() }).await` holds a backend to the contract.
//!
//! - [`exercise`] is the suite that every backend's tests call with a [`Subject`]: the same calls, the same outcomes,
//!   gated only by the capabilities that the vault declares.
//! - [`MemoryVault`] has every capability, and counts what is asked of it.
//! - [`Faults`] wraps any vault, and makes it slow, silent, wrong or down when a test says so, on tokio's clock.
//! - [`Log`] keeps what was logged, for a look for secret text in it.
//!
//! Nothing here is for production: a secret in [`MemoryVault`] lives as long as the process.

mod faults;
mod log;
mod memory;
mod suite;

pub use faults::{Calls, Fault, Faults, FaultyVault};
pub use log::Log;
pub use memory::{MemoryVault, Requests};
pub use suite::{Dynamic, Subject, exercise};

use secrecy::SecretString;

use crate::{FieldName, SecretFields, SecretPath};

/// The path that `text` spells.
///
/// # Panics
///
/// Where it spells none: in a test that is the report.
#[allow(clippy::panic)] // documented: the text is the test's own
pub fn path(text: &str) -> SecretPath {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// The field name that `text` spells.
///
/// # Panics
///
/// As [`path()`].
#[allow(clippy::panic)] // documented: the text is the test's own
pub fn field(text: &str) -> FieldName {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// The fields of a secret from (name, value).
///
/// # Panics
///
/// As [`path()`].
pub fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> SecretFields {
    pairs.into_iter().map(|(name, value)| (field(name), SecretString::from(value))).collect()
}
