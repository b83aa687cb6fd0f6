//! The Secret Service of a session bus: <https://specifications.freedesktop.org/secret-service/>.
//!
//! - `location`: which bus
//! - `connection`, `encryption`: one connection to the daemon, and how secrets are encrypted on it
//! - `collection`: the items of the default collection, while it is unlocked
//! - `keychain`: the operations of the vault, and the connections that they share
//! - `failure`: turns errors of the bus and the daemon into [`VaultError`](cofferdam_vault::VaultError)s

mod collection;
mod connection;
mod encryption;
mod failure;
mod keychain;
mod location;

pub(crate) use keychain::Keychain;
