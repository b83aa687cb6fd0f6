//! Backend `hashicorp`: a vault in HashiCorp Vault or OpenBao.
//!
//! The secret `github/work` is `{mount}/data/{prefix}/github/work` on version 2 of the key-value engine, and
//! `{mount}/{prefix}/github/work` on version 1. `paths` sends a path to any other engine, for example to one that makes a
//! database login for each read. A field that is no text is its JSON; `null` is no field.
//!
//! In reading order:
//!
//! - `config`, `auth`, `check`, `address`, `settings`: the keys of a profile's table, and what becomes of them
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) trait
//! - `mount`, `store`, `kv2`, `kv1`, `list`, `version`: the key-value engines
//! - `dynamic`, `lease`: other engines, and what they take back
//! - `session`, `login`, `renewal`: one login for many reads, and how it is kept alive
//! - `client`, `http`, `endpoint`, `answer`, `files`: requests, answers and files
//! - `error`: what the server says, turned into kinds
//!
//! # What the server must allow
//!
//! ```hcl
//! path "secret/data/cofferdam/*"     { capabilities = ["read"] }                        # and "create", "update", "delete" to write
//! path "secret/metadata/cofferdam/*" { capabilities = ["read", "list"] }                # to list
//! path "secret/delete/cofferdam/*"   { capabilities = ["update"] }                      # to delete one version, and
//! path "secret/undelete/cofferdam/*" { capabilities = ["update"] }                      # to take that back after a lost race
//! path "database/creds/readonly"     { capabilities = ["read"] }                        # what `paths` names
//! path "sys/leases/revoke"           { capabilities = ["update"] }                      # to end leases before their time
//! ```
//!
//! The `default` policy lets a token look itself up, renew and revoke itself, and renew leases; all of that is used. Without
//! looking itself up, a token cannot tell a secret that it may not read from its own end; this backend then takes a
//! refusal for the login's end at most once in ten seconds. Service tokens are renewed; batch tokens cannot be, and are
//! replaced at two thirds of their life; they hold no leases past their own end.
//!
//! # How a login lives
//!
//! The first call that needs a token logs in, and all others wait for that one login. At two thirds of its life the token
//! is renewed. When renewing gives less than two thirds of the first life, the longest life is near, and a new login
//! replaces the token; the old one is left to end by itself, for its leases end with it. An idle vault logs in no more.
//!
//! # Copies of secret text
//!
//! Buffers of this crate are wiped on drop and never grow; answers are read in place, and each value is copied once,
//! into its `SecretString`. Not wiped are the parts of an answer and the connection's buffers in `hyper` and `rustls`, a
//! scratch copy of a value with escapes in `serde_json`, and, at a login, the text that `rustify` makes of a request on its
//! way to bytes, and the clone of a client key in `rustls`.

mod address;
mod answer;
mod auth;
mod backend;
mod certificates;
mod check;
mod client;
mod config;
mod dynamic;
mod endpoint;
mod error;
mod examine;
mod files;
mod http;
mod kv1;
mod kv2;
mod lease;
mod list;
mod login;
mod mount;
mod renewal;
mod secret_id;
mod session;
mod settings;
mod store;
mod version;

pub use auth::Auth;
pub use config::Config;
