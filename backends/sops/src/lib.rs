//! Backend `sops`: a vault that is one [SOPS](https://getsops.io) document, opened by the program `sops`.
//!
//! A YAML, JSON or INI document has one table for each secret, as the plaintext of backend `age` does:
//!
//! ```yaml
//! github/work:
//!     token: ENC[AES256_GCM,data:…]
//! ```
//!
//! A dotenv document has the variables of backend `env`: `GITHUB_WORK_TOKEN`.
//!
//! YAML and JSON documents can be written. `sops set` changes a copy, which then replaces the document, under a lock on its
//! folder: git sees one changed secret. A written secret is a [`SaltedObject`](cofferdam_vault::SaltedObject), from whose
//! salt its version is derived. The version of any other secret is a digest of the *encrypted* document and its path:
//! encryption is random, so it reveals nothing, and it is new each time the document is written.
//!
//! In reading order:
//!
//! - `config`, `settings`, `format`: the keys of a profile's table, the resolved settings, and the format of the document
//! - `backend`: the [`BackendConfig`](cofferdam_vault::BackendConfig) trait
//! - `store`: the [`BlockingStore`](cofferdam_vault::BlockingStore) trait: reads and changes the document
//! - `document`: the decrypted document, and the version of a secret
//! - `sops`: runs the program
//! - `file`, `lock`, `replace`: reading a file that may change, and replacing it atomically
//! - `names`: the variables of a dotenv document
//! - `diagnose`, `plain`: who else can read or change the files, and which values are not encrypted
//! - `error`: turns exit codes and errors of files into [`VaultError`](cofferdam_vault::VaultError)s
//!
//! # Copies of secrets
//!
//! The decrypted document is zeroized, and lives as long as one call. The memory of `sops` is not in our hands.

mod backend;
mod config;
mod diagnose;
mod document;
mod error;
mod file;
mod format;
mod lock;
mod names;
mod plain;
mod replace;
mod settings;
mod sops;
mod store;

pub use config::Config;
