//! Backend `env`: secrets from environment variables and, where the profile names one, a `.env` file. Read-only.
//!
//! Field `token` of `github/work` is the variable `GITHUB_WORK_TOKEN`, and of `github/default` it is `GITHUB_TOKEN`.
//! A variable of the process wins over one of the file. An empty variable counts as unset, for an empty
//! credential is nearly always a forgotten one (`TOKEN=` copied from a template, `${TOKEN:-}` in a compose file).
//!
//! In reading order: `names` (which variable), `dotenv` (what a `.env` file means), `file` (how it is read without ever
//! hanging), `version` (when a secret has changed), `backend` (the vault).

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
