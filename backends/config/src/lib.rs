//! Diagnostics about settings, how settings are read from TOML, and JSON that no parser reads.
//!
//! A leaf: this crate depends on no other crate of ours. The profile, the manifests, the connectors and the backends use
//! it, so that each of them reports a mistake in the same shape and reads a number or a duration by the same rules.
//!
//! In reading order:
//!
//! - [`Diagnostic`], [`Diagnostics`]: one thing that is wrong, and the collector of all of them
//! - [`Location`], [`Origin`]: where it is written
//! - [`quote`]: which values a diagnostic may quote
//! - [`suggestions`]: which known name was probably meant, and lists of names
//! - [`base_url`]: which URLs a setting may name
//! - [`duration`], [`size`]: how a duration and a size in bytes are written
//! - [`KeyPath`]: the path of a key, and whether it is named like one that holds a secret
//! - [`document`]: a TOML document with the location of each key and value
//! - [`json`]: JSON texts with strings that a parser refuses

pub mod base_url;
mod diagnostic;
mod diagnostics;
pub mod document;
pub mod duration;
pub mod json;
mod key;
mod location;
pub mod quote;
pub mod size;
pub mod suggestions;

pub use diagnostic::{Diagnostic, Severity};
pub use diagnostics::Diagnostics;
pub use key::{KeyPath, looks_secret};
pub use location::{Location, Origin};
