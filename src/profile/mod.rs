//! A profile: one TOML file that says how this process runs. A file in; a checked [`Profile`], or every problem at once,
//! out.
//!
//! The path of a profile, file by file:
//!
//! 1. `source`: finds the file, or the copy inside the binary
//! 2. `document`: parses its TOML, and keeps the place of each value
//! 3. `overrides`: merges environment variables and flags over it
//! 4. `schema`, `subschema` and `validate`: every key is known, and every value has the right type
//! 5. `draft`: the result so far, which names the folder of manifests
//! 6. `check`: the meaning of the keys, and whether they agree with each other and with the manifests
//! 7. `settings`: the checked profile
//!
//! A wrong profile is rejected with everything that is wrong with it. A wrong environment (a missing file, a vault that
//! is down) is not this module's concern: only the first step accesses anything outside the process.

mod address;
mod check;
mod document;
mod draft;
mod error;
mod name;
mod overrides;
mod policy;
mod schema;
mod settings;
mod source;
mod subschema;
mod tables;
mod tool_filter;
mod validate;

#[cfg(test)]
mod tests;

pub use draft::{ProfileDraft, parse};
pub use error::ProfileError;
pub use overrides::{FlagOverride, Overrides};
pub use schema::schema;
pub use settings::{AccessSettings, AccountEntry, ModuleEntry, Profile, ServerSettings, VaultEntry};
pub use source::{ProfileFolders, Source};
pub use tool_filter::ToolFilter;
