//! Backend `aws`: AWS Secrets Manager.
//!
//! `github/work` is the secret `{prefix}/github/work`. Its text is a JSON object whose members are the fields. A number or
//! a boolean is read as its JSON text; a list, an object or `null` is no field. A secret whose text is no
//! JSON object (a plain token, as the console's *Plaintext* writes it) answers whoever asks for exactly one field.
//!
//! A version is Secrets Manager's own `VersionId`, a random UUID. [`Current`](cofferdam_vault::Stage::Current) is
//! `AWSCURRENT`, [`Previous`](cofferdam_vault::Stage::Previous) is `AWSPREVIOUS`.
//!
//! In reading order:
//!
//! - `config`, `checks`: the keys of a profile's table, and what is wrong with them
//! - `names`: from a path to a secret's name and back
//! - `login`: where credentials come from, and when they are asked for anew
//! - `store`: one function for each operation of the API that is used
//! - `content`: from a secret's text to fields and back
//! - `replace`: how a write or a delete meets other writers
//! - `many`, `pace`: reading many secrets without a burst
//! - `examine`: whether our role may read more than it needs
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) trait
//! - `error`: what the SDK says, turned into kinds
//!
//! # Permissions
//!
//! Reading takes `secretsmanager:GetSecretValue`, and `kms:Decrypt` where the key is one's own. Reading many takes
//! `BatchGetSecretValue` too; without it they are read one by one. Listing takes `ListSecrets`; writing takes `CreateSecret`,
//! `PutSecretValue` and `UpdateSecretVersionStage`; deleting, and writing what was deleted, also `DescribeSecret`,
//! `DeleteSecret` and `RestoreSecret`. The probe takes none.
//!
//! # Copies of secret text
//!
//! Buffers of this crate are zeroized on drop. Not wiped are what libraries keep for themselves: the bytes of an HTTP
//! answer or request, the SDK's own copy of a text that is written, and what `serde_json` unescapes.
//!
//! The SDK logs no body and no secret field. At `trace` it does log the service's own error messages, which this crate passes
//! on nowhere: a log that leaves the machine keeps `aws_smithy_runtime` at `debug`.

mod backend;
mod checks;
mod config;
mod content;
mod error;
mod examine;
mod login;
mod many;
mod names;
mod pace;
mod replace;
mod store;

pub use config::Config;
