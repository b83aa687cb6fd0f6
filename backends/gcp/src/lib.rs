//! Backend `gcp`: Google Cloud Secret Manager.
//!
//! `github/work` is the secret `{prefix}__github__work`, or the one that the key `secrets` names for it. Its payload is a JSON
//! object whose members are the fields, or a plain string, which is the value of any single field that is requested.
//!
//! [`Current`](cofferdam_vault::Stage::Current) is the latest version, and absent while that is disabled or destroyed.
//! [`Previous`](cofferdam_vault::Stage::Previous) is the newest enabled version before it. Adding a version has no condition
//! in the API, so what a writer expects is checked just before; a delete of a version is guarded by the secret's ETag.
//!
//! In reading order:
//!
//! - `config`: the keys of a profile's table with their checks
//! - `names`: how a path is written as an ID
//! - `credentials`, `login`: what a login is made with, and how it becomes an access token
//! - `crc32c`, `secret_manager`: one function per method of the API
//! - `version`: what identifies the state of a secret
//! - `write`: writes and deletes
//! - `diagnose`: who else can read the files, and what else the login may read
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `error`: turns Google's responses into [`VaultError`](cofferdam_vault::VaultError)s
//!
//! *Not verified* against Google Cloud: the tests run on a stand-in made from the API description of Secret Manager v1
//! (<https://secretmanager.googleapis.com/$discovery/rest?version=v1>).
//!
//! # Why not Google's own crates
//!
//! `google-cloud-secretmanager-v1` 1.14 and `google-cloud-auth` 1.19 make their own HTTP clients, which cannot be replaced.
//! Those use the proxies of the environment, follow redirects, resolve names on the runtime's pool, and read responses of any
//! size. The authentication crate also starts a task that renews the token of an idle vault, and has no way to drop a token
//! that the service rejects.
//!
//! # Permissions
//!
//! Reading requires `secretmanager.versions.access`; reading a previous version also `versions.get` and `versions.list`.
//! Listing requires `secrets.list`. Writing requires `versions.add` and `secrets.create`, deleting `secrets.delete` and
//! `secrets.get`. The probe requires none.
//!
//! # Copies of secrets
//!
//! The body of a response, a decoded payload and the body of a request are wiped on drop, and each value is copied once, into
//! its `SecretString`. Not wiped are the chunks of a response and the connection's buffers in `hyper` and `rustls`, the copies
//! of a private key that are made while it signs, and a scratch copy of a value with escapes in `serde_json`.

mod backend;
mod config;
mod crc32c;
mod credentials;
mod diagnose;
mod error;
mod login;
mod names;
mod secret_manager;
mod version;
mod write;

pub use config::Config;
