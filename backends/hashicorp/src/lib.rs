//! Backend `hashicorp`: a vault in HashiCorp Vault or OpenBao.
//!
//! The secret `github/work` is `{mount}/data/{prefix}/github/work` on version 2 of the key-value engine, and
//! `{mount}/{prefix}/github/work` on version 1. `paths` reads a path from any other engine, for example from one that
//! creates a database login for each read. A value that is not a string is read as its JSON text; `null` is left out.
//!
//! In reading order:
//!
//! - `config`, `auth`, `check`: the keys of a profile's table, and what is wrong with them
//! - `settings`, `resolve`: the settings with paths and environment resolved
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `mount`, `store`, `kv2`, `kv1`, `list`, `version`: the key-value engines
//! - `dynamic`, `leases`: other engines, and the leases that they create
//! - `session_manager`, `session`, `authenticator`, `renewal`, `token`: one login for many reads, and its renewal
//! - `client`, `endpoint`, `response`, `fields`: requests and responses, on [`cofferdam_vault::http`]
//! - `diagnose`, `secret_id`: what `cofferdam doctor` checks
//! - `error`: turns the server's responses into [`VaultError`](cofferdam_vault::VaultError)s
//!
//! # Permissions on the server
//!
//! ```hcl
//! path "secret/data/cofferdam/*"     { capabilities = ["read"] }                        # and "create", "update", "delete" to write
//! path "secret/metadata/cofferdam/*" { capabilities = ["read", "list"] }                # to list
//! path "secret/delete/cofferdam/*"   { capabilities = ["update"] }                      # to delete one version, and
//! path "secret/undelete/cofferdam/*" { capabilities = ["update"] }                      # to undo that after a lost race
//! path "database/creds/readonly"     { capabilities = ["read"] }                        # each target of `paths`
//! path "sys/leases/revoke"           { capabilities = ["update"] }                      # to revoke leases early
//! ```
//!
//! The `default` policy lets a token look itself up, renew and revoke itself, and renew leases; all of that is used. A token
//! that may not look itself up cannot distinguish a denied secret from its own expiry. Then a denial counts as expiry at
//! most once in ten seconds. Service tokens are renewed. Batch tokens cannot be renewed and are replaced at two thirds of
//! their TTL; their leases expire with them.
//!
//! # The lifecycle of a login
//!
//! The first call that needs a token logs in, and concurrent calls wait for that login. At two thirds of its TTL the token
//! is renewed. When a renewal grants less than two thirds of the initial TTL, the token is close to its maximum TTL, and a
//! new login replaces it. The old token is not revoked, because its leases would be revoked with it. An idle vault does not
//! log in again.
//!
//! # Copies of secrets
//!
//! Buffers of this crate are wiped on drop and never grow. Responses are parsed in place, and each value is copied once,
//! into its `SecretString`. Not wiped are the chunks of a response and the connection's buffers in `hyper` and `rustls`, a
//! scratch copy of a value with escapes in `serde_json`, and the clone of a client key in `rustls`.

mod auth;
mod authenticator;
mod backend;
mod check;
mod client;
mod config;
mod diagnose;
mod dynamic;
mod endpoint;
mod error;
mod fields;
mod kv1;
mod kv2;
mod leases;
mod list;
mod mount;
mod renewal;
mod resolve;
mod response;
mod secret_id;
mod session;
mod session_manager;
mod settings;
mod store;
mod token;
mod version;

pub use auth::Auth;
pub use config::Config;
