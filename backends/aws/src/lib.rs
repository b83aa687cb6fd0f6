//! Backend `aws`: AWS Secrets Manager.
//!
//! `github/work` is the secret `{prefix}/github/work`. Its string is a JSON object whose members are the fields. A number or
//! a boolean is read as its JSON text; a list, an object or `null` is not a field. A secret whose string is not a JSON object
//! (a plain token, as *Plaintext* in the console writes it) is the value of any single field that is requested.
//!
//! A version is the `VersionId` of Secrets Manager, a random UUID. [`Current`](cofferdam_vault::Stage::Current) is
//! `AWSCURRENT`, [`Previous`](cofferdam_vault::Stage::Previous) is `AWSPREVIOUS`.
//!
//! In reading order:
//!
//! - `config`, `checks`, `settings`: the keys of a profile's table with their checks, and the resolved settings
//! - `names`: the mapping between paths and names of secrets
//! - `dns`, `network`: how the names of AWS's services are resolved, and how much of a response is read
//! - `credentials`, `session`: where credentials come from, and when they are loaded again
//! - `store`: one function per operation of the API
//! - `content`: parses and serializes fields
//! - `write`: writes and deletes with concurrent writers
//! - `batch_reader`, `rate_limiter`: reads many secrets without a burst
//! - `diagnose`: whether the role may read more than it needs
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `error`: turns errors of the SDK into [`VaultError`](cofferdam_vault::VaultError)s
//!
//! # Permissions
//!
//! Reading requires `secretsmanager:GetSecretValue`, and `kms:Decrypt` for a customer-managed key. Reading many secrets uses
//! `BatchGetSecretValue`; without it they are read one by one. Listing requires `ListSecrets`. Writing requires
//! `CreateSecret`, `PutSecretValue` and `UpdateSecretVersionStage`. Deleting, and writing what was deleted, also require
//! `DescribeSecret`, `DeleteSecret` and `RestoreSecret`. The probe requires none.
//!
//! # Bounds
//!
//! A response has at most 8 MiB, from every service that the SDK asks: Secrets Manager, STS, and those for the credentials of
//! a container or an instance. Files are read, and names are resolved, on threads of the vault.
//!
//! The SDK has no bound, and no place for one, on the size of its configuration, credentials and token files, and on what a
//! `credential_process` prints. Who sets up the vault decides on those. A file that hangs keeps its thread until the read
//! returns.
//!
//! # Copies of secrets
//!
//! Buffers of this crate are zeroized on drop. Not wiped are the buffers of libraries: the bytes of an HTTP response or
//! request, the SDK's copy of a string that is written, and the strings that `serde_json` unescapes.
//!
//! The SDK logs no body and no secret field. At `trace` it logs the service's error messages, which this crate does not pass
//! on. If a log leaves the machine, keep `aws_smithy_runtime` at `debug`.

mod backend;
mod batch_reader;
mod checks;
mod config;
mod content;
mod credentials;
mod diagnose;
mod dns;
mod error;
mod names;
mod network;
mod rate_limiter;
mod session;
mod settings;
mod store;
mod write;

pub use config::Config;
