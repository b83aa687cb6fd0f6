//! Manifests: the files that describe modules. TOML in; a checked [`Manifest`], or every problem at once, out.
//!
//! The path of a manifest, file by file:
//!
//! 1. `library`: the catalogue, and with `folder` the profile's `modules_dir`
//! 2. `check`: one file, from TOML to a [`Manifest`]; `tool` and `input` for its tools
//! 3. `section`, `read`, `keys`: TOML tables with the place of each value
//! 4. `arguments`: a call's arguments against a tool's schema
//!
//! # Keys
//!
//! At the top `format` (1), `name`, `version`, `title`, `description`, `source` (where its facts come from; may be
//! absent), the tables `[http]` and `[credential]`, and `[[tools]]`, at least one.
//!
//! A tool has `name`, `description`, `side_effect` (`none`, `write`, `destructive`), `request`, and may have
//!
//! - `input`: the JSON Schema 2020-12 of its arguments, an object. Where absent it takes none. Further arguments are
//!   always refused.
//! - `select`: a JMESPath over the answer. Where absent the whole answer is given.
//! - `full`: whether a caller may ask for the whole answer. `true` where absent; `false` where an answer holds secrets
//!   beside what is selected.
//! - `idempotent`: whether a second identical call changes nothing more. Where absent, `true` for `none` and `false`
//!   for the others.
//! - `concurrency_safe`: whether two calls may run at once. `true` where absent.

mod arguments;
mod check;
mod folder;
mod input;
mod keys;
mod library;
mod problem;
mod read;
mod section;
#[cfg(test)]
mod tests;
mod tool;

pub use check::Manifest;
pub use library::ManifestLibrary;
pub use problem::{InvalidManifest, ManifestProblem};
pub use tool::Tool;
