//! The contract between Cofferdam's Token Broker and the backends that store secrets.
//!
//! A backend is a crate that depends on this one alone. It brings a [`BackendConfig`] (its settings,
//! with a JSON schema) that turns into a [`Vault`] (one store of secrets). The broker puts the walls
//! of a compartment around each vault, so a backend does nothing about retries, caching, limits or
//! time-outs: it makes one attempt, and says with a [`VaultError`] what went wrong.
//!
//! In reading order:
//!
//! - [`SecretPath`] and [`FieldName`]: what is asked for
//! - [`Secret`]: what is answered
//! - [`VaultError`]: what can go wrong, and what follows from it
//! - [`Vault`]: the calls
//! - [`BackendConfig`]: from a profile's table to a vault
//! - [`Threads`]: where blocking work runs
//! - [`files`]: how a file is read that may be anything
//! - [`Finding`]: what a closer look found
//! - `testkit` (feature): the suite that every backend passes, a memory vault, scripted faults, a log to look into

mod config;
mod error;
mod examine;
pub mod files;
mod path;
mod secret;
mod threads;
mod vault;

#[cfg(feature = "testkit")]
pub mod testkit;

pub use config::{BackendConfig, ConfigProblem, Prompt, VaultContext};
pub use error::{ErrorKind, Retry, Scope, VaultError};
pub use examine::{Finding, Kept, Level, exposure};
pub use path::{FieldName, InvalidName, SecretPath};
pub use secret::{Lease, Secret, SecretFields, Version};
pub use threads::{Threads, hold};
pub use vault::{BoxFuture, Capabilities, Expect, Page, PageToken, ReadRequest, Stage, Vault, VaultInfo};

/// Secret text: zeroized on drop, printed as `[REDACTED]`.
pub use secrecy::{ExposeSecret, SecretString};
