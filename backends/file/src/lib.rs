//! Backend `file`: a folder of files, as Kubernetes and Docker mount secrets. Read-only.
//!
//! Field `token` of `github/work` is the file `github/work/token` below the folder, or the file `github.work.token` in it.
//! The first is a Secret mounted at `github/work`. The second is a key of a Secret, or a Docker secret, neither of which may
//! contain a slash. No two fields share a file: a segment of a path contains no dot, and a field whose name contains one
//! has no file of the second form. If both files exist, the read fails, because one of them is a mistake.
//!
//! One line break at the end of a file is not part of the value: editors and `echo` add it. An empty file counts as absent,
//! because it is a mistake or still being written; an empty value is a file with one line break.
//!
//! The kubelet never changes a mounted file. It writes all keys into a new folder, swaps the link `..data` to it, and removes
//! the old folder. So a read takes a snapshot of these links, and a fingerprint of each file behind them, before and after:
//! all fields belong to one moment, and the next read sees a change.
//!
//! In reading order:
//!
//! - `config`: the keys of a profile's table, and their checks
//! - `names`: the mapping from fields to files
//! - `folder`, `snapshot`: reading a secret in a consistent state
//! - `listing`: lists secrets and their fields
//! - `diagnose`: who else can read them
//! - `backend`: the [`BlockingStore`](cofferdam_vault::BlockingStore) and
//!   [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `error`: turns errors of files into [`VaultError`](cofferdam_vault::VaultError)s

mod backend;
mod config;
mod diagnose;
mod error;
mod folder;
mod listing;
mod names;
mod snapshot;

pub use config::Config;
