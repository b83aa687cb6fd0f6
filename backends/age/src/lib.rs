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
//! - `config`, `settings`: the keys of a profile's table with their checks, and the resolved settings
//! - `backend`: the [`BackendConfig`](cofferdam_vault::BackendConfig) trait
//! - `store`: the [`BlockingStore`](cofferdam_vault::BlockingStore) trait: reads and changes the vault file, and caches its content
//! - `document`, `edit`, `version`: parsing and editing the plaintext, and the version of a secret
//! - `crypt`, `keys`, `recipients`: decryption and encryption
//! - `file`, `lock`, `replace`, `path`, `os`, `role`, `limits`: reading a file that may change, and replacing it atomically
//! - `diagnose`: who else can read or change the files
//! - `error`: turns errors of `age` and the system into [`VaultError`](cofferdam_vault::VaultError)s
//!
//! # Copies of secrets
//!
//! Buffers of this crate are zeroized on drop, and sized in advance so that none grows and leaves a copy behind. A read
//! copies each value once, into its `SecretString`. `toml` borrows from the plaintext, except for values with escapes, which
//! it allocates and this crate wipes. Not wiped are the buffers of libraries: `toml_edit`'s tree while a secret is written
//! or deleted, `age`'s buffer of the last 64 KiB that it encrypted, and the text of an ssh key while `age` parses it.

mod backend;
mod config;
mod crypt;
mod diagnose;
mod document;
mod edit;
mod error;
mod file;
mod keys;
mod limits;
mod lock;
mod os;
mod path;
mod recipients;
mod replace;
mod role;
mod settings;
mod store;
mod version;

pub use config::Config;
