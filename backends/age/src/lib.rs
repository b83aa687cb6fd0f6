//! Backend `age`: a vault that is one encrypted file, for places without a network.
//!
//! The file is an ordinary [age](https://age-encryption.org) file, armored or binary. Its plaintext is TOML, one table
//! per secret, so that `age -d`, an editor and `age -e` work on it too:
//!
//! ```toml
//! ["github/work"]
//! token = "…"
//! ```
//!
//! In reading order:
//!
//! - `config`: the keys of a profile's table
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) trait, each call one piece of work on the compartment's threads
//! - `store`: that work: what is opened is kept, what changed is opened anew, a change is made under the lock
//! - `document`, `edit`, `version`: the plaintext as it is read, as it is changed, and what a version is
//! - `crypt`, `keys`, `recipients`: decrypting and encrypting, and with what
//! - `file`, `lock`, `replace`, `os`: reading what may have changed, and replacing it whole
//! - `error`: what `age` and the system say, turned into kinds
//!
//! # Copies of secret text
//!
//! Buffers of this crate are zeroized on drop, and sized beforehand so that none grows and leaves a copy behind.
//! Reading copies each value once, into its `SecretString`: `toml` borrows from the plaintext, but for values with
//! escapes, whose unescaped form it allocates and this crate wipes. Not wiped are what libraries keep for themselves:
//! `toml_edit`'s tree while a secret is written or deleted, `age`'s buffer of the last 64 KiB it encrypted, and the text
//! of an ssh key while `age` parses it.

mod backend;
mod config;
mod crypt;
mod document;
mod edit;
mod error;
mod examine;
mod file;
mod keys;
mod lock;
mod os;
mod recipients;
mod replace;
mod store;
mod version;

pub use config::Config;
