//! Manifests: the files that describe modules. TOML in; a checked [`Manifest`], or everything that is wrong with it, out.
//!
//! The path of a manifest, file by file:
//!
//! 1. `library`: the catalogue, and with `folder` the profile's `modules_dir`
//! 2. `check`: one file, from TOML to a [`Manifest`]
//! 3. `tool` and `input`: one tool, and the JSON Schema of its arguments
//! 4. `arguments`: the arguments of a call against that schema
//!
//! # Keys
//!
//! At the top `format` (1), `name`, `version`, `title`, `description`, optionally `source` (the documentation of the
//! service), the tables `[http]` and `[credential]`, and `[[tools]]`, at least one.
//!
//! A tool has `name`, `description`, `side_effect` (`none`, `write`, `destructive`), `request`, and optionally
//!
//! - `input`: the JSON Schema 2020-12 of its arguments, an object. Absent: it takes no arguments. Undeclared arguments are
//!   always rejected.
//! - `select`: a JMESPath over the answer. Absent: the whole answer is returned.
//! - `full`: whether a caller may ask for the whole answer. Default `true`; `false` if an answer holds secrets besides the
//!   selected part.
//! - `opaque`: whether the answer is the user's content, such as a file, which is never parsed: its text is returned exactly,
//!   and bytes that are not text in Base64. Default `false`; `true` excludes `select`.
//! - `idempotent`: whether a second identical call changes nothing more. Default `true` for `none`, and `false` otherwise.
//! - `concurrency_safe`: whether two calls may run at the same time. Default `true`.

mod arguments;
mod check;
mod description;
mod error;
mod folder;
mod input;
mod library;
#[cfg(test)]
mod tests;
mod tool;

pub use check::Manifest;
pub use error::InvalidManifest;
pub use library::ManifestLibrary;
pub use tool::Tool;

/// What a manifest declares as `side_effect`.
pub use crate::connectors::SideEffect;
