//! Backend `onepassword`: a vault of 1Password behind a Connect server, read-only.
//!
//! The secret `github/work` is the item with the title `github/work`, or the item that the key `items` names for it. The
//! field `token` is the item's field with the label `token`. Of fields with one label, each is named after its section:
//! `SECTION.LABEL`. A field without a value counts as absent. Files and archived items are not read.
//!
//! A title must lead to one item, and a name to one field: two of them are an error, and never the first of two. A read
//! takes three requests: the vault by its title, the item by its title, the item. Each ID in the settings saves one.
//!
//! - `config`: the keys of a profile's table
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `connect`: the requests, and the errors of their responses
//! - `item`: the fields of an item
//! - `diagnose`: which vaults the token reaches
//!
//! *Not verified* against a real Connect server: the tests run on a stand-in made from version 1.7.1 of the API description
//! that 1Password publishes (<https://github.com/1Password/connect/blob/main/docs/openapi/spec.yaml>).
//!
//! # Copies of secrets
//!
//! The body of a response is wiped on drop, and each value is copied once, into its `SecretString`. Not wiped are the chunks
//! of a response and the connection's buffers in `hyper` and `rustls`, and a scratch copy of a value with escapes in
//! `serde_json`.

mod backend;
mod config;
mod connect;
mod diagnose;
mod item;

pub use config::Config;
