//! Backend `azure`: Azure Key Vault.
//!
//! `github/work` is the secret `{prefix}--github--work`, or the one that the key `secrets` names for it. Its value is a JSON
//! object whose members are the fields, or a plain string, which is the value of any single field that is requested.
//!
//! A version is the one of Key Vault, which is never used again. A version that is disabled, has expired or is not valid yet
//! reads as absent. [`Previous`](cofferdam_vault::Stage::Previous) is the newest enabled version that was created before the
//! current one. Key Vault has no conditional operations, so what a writer expects is checked just before.
//!
//! In reading order:
//!
//! - `config`, `cloud`: the keys of a profile's table with their checks, and what follows from the vault's domain
//! - `names`: how a path is written as a name
//! - `login`: what a login is made with, and how it becomes an access token
//! - `entry`, `key_vault`: a version as the API describes it, and one function per operation of the API
//! - `write`: writes and deletes, and what becomes of deleted secrets
//! - `diagnose`: what expires, and what else the login may read
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `error`: turns the service's responses into [`VaultError`](cofferdam_vault::VaultError)s
//!
//! *Not verified* against Azure: the tests run on a stand-in made from version 7.4 of the API description
//! (<https://github.com/Azure/azure-rest-api-specs/tree/main/specification/keyvault>).
//!
//! # Why not Microsoft's own crates
//!
//! `azure_security_keyvault_secrets` 1.0 sends its first request without a login, and asks for a token for the resource that
//! the response names: two requests for one read, and a resource that the settings do not name. `azure_identity` 1.0 reads
//! the file of a workload identity on the thread that builds it, later on a new thread for each read, without a limit of size,
//! and keeps its content for ten minutes. It has no way to drop a token that the service rejects, and needs OpenSSL for
//! certificates. With a transport, a login and errors of our own, six requests are what is left.
//!
//! # Permissions
//!
//! Reading requires `get`; listing and reading a previous version also `list`. Writing requires `get`, `set` and `recover`,
//! deleting `get`, `set` and `delete`. The probe requires none.
//!
//! # Copies of secrets
//!
//! The body of a response and of a request are wiped on drop, and so are the value of a secret and its fields. Not wiped are the
//! chunks of a response and the connection's buffers in `hyper` and `rustls`, the copies of a private key that are made while it
//! signs, and a scratch copy of a value with escapes in `serde_json`.

mod backend;
mod cloud;
mod config;
mod diagnose;
mod entry;
mod error;
mod key_vault;
mod login;
mod names;
mod write;

pub use config::Config;
