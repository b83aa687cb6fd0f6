//! Backend `command`: any store with a command line. Its programs are run as bounded children, without a shell.
//!
//! What the command `read` prints depends on its placeholders:
//!
//! - with `{field}`, the value of that field. One line break at its end is not part of the value, as in a file. The command
//!   runs once for each field, and the vault is read-only.
//! - without `{field}`, a JSON object with all fields of the secret. The command runs once for each secret. Such a vault can
//!   also be written, with `write` and `delete`, and listed, with `list`.
//!
//! A written object is a [`SaltedObject`](cofferdam_vault::SaltedObject), from whose salt its version is derived. The version of
//! any other secret is a hash of path and fields under a key that never leaves the process, so it tests no guess.
//!
//! The exit code alone decides what the result of a command is, never what it prints:
//!
//! | exit | means |
//! |---|---|
//! | 0 | its standard output is the result |
//! | one of `not_found` | the secret is absent, unless a `probe` fails: then the vault is down |
//! | one of `locked` | the vault is locked |
//! | any other, or a signal | the vault is unavailable |
//!
//! An absent secret that shares its exit code with an outage is reported as an outage. The reverse would remove credentials
//! from the cache that are still valid.
//!
//! In reading order:
//!
//! - `config`, `preset`, `settings`: the keys of a profile's table, what is known of some programs, and both together
//! - `template`: a command with placeholders
//! - `backend`: the [`BackendConfig`](cofferdam_vault::BackendConfig) trait
//! - `store`: the [`BlockingStore`](cofferdam_vault::BlockingStore) trait: reads, changes and lists secrets by running commands
//! - `runner`: runs one command, and judges how it ended
//! - `content`: what a command printed, and its version
//! - `diagnose`: who else can change the programs, and what they are given
//! - `error`: turns exit codes and defects of an output into [`VaultError`](cofferdam_vault::VaultError)s
//!
//! # Copies of secrets
//!
//! What a command prints and reads is zeroized, and copied once into each `SecretString`. The pipes of the system, and the
//! memory of the programs, are not in our hands.

mod backend;
mod config;
mod content;
mod diagnose;
mod error;
mod preset;
mod runner;
mod settings;
mod store;
mod template;

pub use config::Config;
