//! Backend `keychain`: the keychain of the person who is logged in.
//!
//! On Linux and the BSDs this is the default collection of the Secret Service, which GNOME Keyring, KWallet and KeePassXC
//! provide; on macOS the login keychain; on Windows the Credential Manager. Only the first was ever run; the other two are
//! compiled.
//!
//! # Items
//!
//! Each secret is one item. The item of `github/work` has these attributes:
//!
//! | | Secret Service | macOS | Windows |
//! |---|---|---|---|
//! | `cofferdam` (`service` in the profile) | attribute `service` | service | after the dot in the target `github/work.cofferdam` |
//! | `github/work` | attribute `username` | account | user name, and before the dot in the target |
//! | `cofferdam: github/work` | label | | |
//!
//! `secret-tool`, `security` and the `keyring` commands use the same names, so a person finds an item with them. Paths and
//! services have no characters that any of the three would change.
//!
//! The content is a JSON object of all fields, for example `{"token":"…","cofferdam:salt":"…"}`. One item for each field would
//! be nicer to look at. But a write could not replace all fields together, a read could mix those of two writes, and macOS
//! would ask for permission once for each field. An item that someone stored as a plain string is read as the single field
//! that is requested.
//!
//! No keychain has check-and-set. A write checks what it expects immediately before it writes, so two writers at the same
//! moment can overwrite each other. Reads are not batched: an item is read in four round trips on a local socket.
//!
//! # No prompts
//!
//! Nothing here ever asks a person. A Secret Service shows a dialog only when a client calls `Unlock` and then `Prompt`.
//! This crate calls neither: it reads whether the collection is locked, and reports that. On macOS, dialogs are disabled for
//! the process while an item is used. The Credential Manager has none.
//!
//! # Connections and threads
//!
//! A call on the session bus has a connection of its own for as long as it runs. Afterwards the connection is kept for the
//! next one, unless the call failed or was dropped. So a daemon or a bus that hangs costs one connection for each attempt,
//! and no thread; the next call connects again. Secrets cross the bus encrypted for the connection. On macOS and Windows each
//! call blocks one of the compartment's threads.
//!
//! In reading order:
//!
//! - `config`, `bus_address`: the keys of a profile's table, and their checks
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `content`: the fields in an item, and its version
//! - `secret_service`: the keychain of Linux and the BSDs
//! - `credential_store`: the keychains of macOS and Windows
//! - `error`: the [`VaultError`](cofferdam_vault::VaultError)s of all of them
//!
//! # Copies of secrets
//!
//! Buffers of this crate are wiped on drop and never grow. What passes through the D-Bus library is encrypted. Not wiped are
//! the copies of the daemon itself, and on macOS and Windows those of the system's library.

mod backend;
mod bus_address;
mod config;
mod content;
#[cfg(any(target_os = "macos", windows))]
mod credential_store;
mod error;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod secret_service;

#[cfg(any(target_os = "macos", windows))]
use credential_store as system;
#[cfg(all(unix, not(target_vendor = "apple")))]
use secret_service as system;

pub use config::Config;
