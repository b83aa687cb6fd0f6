//! Diagnostics about settings, how settings are read from TOML, and JSON that no parser reads.
//!
//! A leaf: this crate depends on no other crate of ours. The profile, the manifests, the connectors and the backends use
//! it, so that each of them reports a mistake in the same shape and reads a number or a duration by the same rules.
//!
//! In reading order:
//!
//! - [`Diagnostic`], [`Diagnostics`]: one thing that is wrong, and the collector of all of them
//! - [`Location`], [`Origin`]: where it is written
//! - [`Text`], [`text!`](macro@text), [`Shown`]: texts that hold no input as it is
//! - [`quote`]: which values a diagnostic may quote
//! - [`suggestions`]: which known name was probably meant, and lists of names
//! - [`base_url`]: which URLs a setting may name
//! - [`duration`], [`size`]: how a duration and a size in bytes are written
//! - [`KeyPath`]: the path of a key, and whether it is named like one that holds a secret
//! - [`document`]: a TOML document with the location of each key and value
//! - [`json`]: JSON texts with strings that a parser refuses

// The macro `text!` names this crate.
extern crate self as cofferdam_config;

pub mod base_url;
mod checked_text;
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

pub use checked_text::{Shown, Text, checked};
pub use cofferdam_config_macros::text;
pub use diagnostic::{Diagnostic, Severity};
pub use diagnostics::Diagnostics;
pub use key::{KeyPath, looks_secret};
pub use location::{Location, Origin};
