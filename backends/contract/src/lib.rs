//! The contract between Cofferdam's Token Broker and the backends that store secrets.
//!
//! A backend is a crate that depends on this one and on `cofferdam-config`, and on no other crate of ours. It provides a
//! [`BackendConfig`] (its settings, with a JSON schema) that turns into a [`Vault`] (one store of secrets). The broker puts
//! a compartment around each vault, so a backend implements no retries, caching, limits or timeouts: it makes one attempt,
//! and reports with a [`VaultError`] what went wrong.
//!
//! In reading order:
//!
//! - [`SecretPath`] and [`FieldName`]: the name of a secret and of a field in it
//! - [`Secret`]: the result of a read
//! - [`VaultError`]: what can go wrong, and what follows from it
//! - [`retry_after`]: the pause that a store asks for
//! - [`Vault`]: the operations
//! - [`Change`]: what a watch of a store reports
//! - [`BackendConfig`]: from a profile's table to a vault
//! - [`StoreIdentity`]: which store a vault is, before it is opened
//! - [`BlockingStore`]: the operations of a store that blocks, which [`BlockingVault`] runs on its threads
//! - [`Threads`]: where blocking work runs
//! - [`HostResolver`]: where host names are resolved
//! - [`PooledThreads`]: threads of one owner, out of those that owners share
//! - [`FairShare`]: a capacity that several owners share, such that none can use it up
//! - [`LogLimit`]: at most one log line in an interval about the same event
//! - [`files`]: how to read a file that a person configured
//! - [`JsonFields`]: the fields of a secret that a store keeps as a JSON object
//! - [`SecretText`]: the string in which a store keeps them, an object or a plain string
//! - [`SecretNames`]: the names of secrets in a store whose names cannot be paths
//! - [`Salt`]: what makes the version of a secret in a store that has none
//! - [`SaltedObject`]: a JSON object with a salt
//! - [`file_permissions`]: who else can read or change such a file
//! - [`ConfiguredFile`]: a file that the settings name: its name in messages, its secret, who else can read it
//! - [`rate_expiry`]: how a diagnosis rates what expires soon
//! - `http` (feature): requests to a store that is a server
//! - [`process`]: how to run a program as a bounded child process
//! - `testkit` (feature): the suite that every backend passes, a vault in memory, scripted faults, a log to inspect

mod blocking;
mod config;
mod configured_file;
mod error;
mod expiry;
mod fair_share;
pub mod files;
mod hex;
mod host_resolver;
mod identity;
mod json_fields;
mod log_limit;
mod path;
mod permissions;
mod pooled_threads;
pub mod process;
mod retry_after;
mod salt;
mod salted_object;
mod secret;
mod secret_names;
mod secret_text;
mod threads;
mod vault;
mod watch;

#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use blocking::{BlockingStore, BlockingVault};
pub use config::{BackendConfig, Prompt, VaultContext};
pub use configured_file::{ConfiguredFile, SecretFormat};
pub use error::{ErrorKind, Retry, Scope, VaultError};
pub use expiry::{TimeLeft, rate_expiry};
pub use fair_share::{FairShare, Refused, Share};
pub use host_resolver::{HostResolver, NamesOf};
pub use identity::{StoreIdentity, absolute_path};
pub use json_fields::{JsonFields, JsonSecret, NotAnObject, UnusableFields};
pub use log_limit::LogLimit;
pub use path::{FieldName, InvalidName, SecretPath};
pub use permissions::{Protection, file_permissions};
pub use pooled_threads::PooledThreads;
pub use retry_after::retry_after;
pub use salt::Salt;
pub use salted_object::SaltedObject;
pub use secret::{Lease, Secret, SecretFields, Version};
pub use secret_names::{NameCodec, SecretNames};
pub use secret_text::SecretText;
pub use threads::{Threads, with_permit};
pub use vault::{BoxFuture, Capabilities, Expect, Page, PageToken, ReadRequest, Stage, Vault, VaultInfo};
pub use watch::{Change, MAX_SILENCE};

/// A boxed stream that may move between threads.
pub use futures_util::stream::BoxStream;

/// A secret string: zeroized on drop, printed as `[REDACTED]`.
pub use secrecy::{ExposeSecret, SecretString};
