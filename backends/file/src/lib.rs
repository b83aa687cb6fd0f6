//! Backend `file`: a folder of files, as Kubernetes and Docker mount secrets. Read-only.
//!
//! Field `token` of `github/work` is the file `github/work/token` below the folder, or the file `github.work.token` in it:
//! the first is what a Secret mounted at `github/work` looks like, the second what a key of a Secret, or a Docker secret,
//! can be named, for neither may hold a slash. No path and field has the place of another: a segment of a path holds no dot,
//! and a field whose name holds one has no place of the second form. Both at once are refused, for one of them is a mistake.
//!
//! One line break at the end of a file does not belong to the value: editors and `echo` put it there. A file without a
//! single byte counts as absent, for it is forgotten or being written; an empty value is a file with one line break.
//!
//! The kubelet never changes a mounted file. It writes all keys into a new folder, swaps the link `..data` for one to it, and
//! removes the old folder. So a secret is read between two looks at these links, and at each file behind them: all fields are
//! those of one moment, and a change is seen by the next read.
//!
//! In reading order: `names` (which file), `folder` (how it is read), `look` (what may not change meanwhile), `listing`
//! (which secrets there are), `examine` (who else can read them), `backend` (the vault).

mod backend;
mod config;
mod error;
mod examine;
mod folder;
mod listing;
mod look;
mod names;

pub use config::Config;
