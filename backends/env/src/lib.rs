//! Backend `env`: secrets from environment variables and, if the profile names one, a `.env` file. Read-only.
//!
//! Field `token` of `github/work` is the variable `GITHUB_WORK_TOKEN`, and of `github/default` it is `GITHUB_TOKEN`.
//! A variable of the process wins over one of the file. An empty variable counts as unset, because an empty credential is
//! almost always a mistake (`TOKEN=` copied from a template, `${TOKEN:-}` in a compose file).
//!
//! In reading order:
//!
//! - `config`: the keys of a profile's table, and their checks
//! - `names`: the mapping from fields to variables
//! - `dotenv`, `file`: parsing a `.env` file, and reading it in bounded time
//! - `version`: when a secret has changed
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `error`: turns errors of the file into [`VaultError`](cofferdam_vault::VaultError)s

mod backend;
mod config;
mod dotenv;
mod error;
mod file;
mod names;
#[cfg(test)]
mod tests;
mod version;

pub use config::Config;
