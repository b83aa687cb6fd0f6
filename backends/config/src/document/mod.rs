//! A TOML document: its tables, where each key and value is written, and what is wrong with it.
//!
//! Serde stops at the first mistake, and its wording quotes what it found, a secret included. So a document is parsed with
//! [`parse`] into tables that know their locations, and these are read
//!
//! - with a [`TableReader`], table by table, which collects everything that is wrong and converts a whole table with
//!   serde, or
//! - by the caller, who asks [`Positions`] where a key or a value is written.
//!
//! ```
//! use cofferdam_config::Origin;
//! use cofferdam_config::document::{SourceText, TableReader, parse};
//!
//! let source = SourceText::new(Origin::File("acme.toml".into()), "name = 7\nbase_ulr = \"https://acme.example\"\n");
//! let document = parse(&source);
//! let found = document.collector();
//! let root = TableReader::root(&found, document.root());
//! root.deny_unknown_keys(&["name", "base_url"]);
//! assert!(root.required_string("name", "name = \"acme\"").is_none());
//! assert_eq!(
//!     found.into_diagnostics().to_string(),
//!     "acme.toml:1:8  name: must be a string, not a number; write name = \"acme\"\n\
//!      acme.toml:2:1  base_ulr: unknown key; did you mean \"base_url\"?\n"
//! );
//! ```

mod collector;
mod field_names;
mod positions;
mod source;
mod syntax;
mod table;
mod value;

pub use collector::Collector;
pub use positions::{Part, Positions};
pub use source::SourceText;
pub use syntax::{Document, parse};
pub use table::{Field, TableReader};
pub use value::{float, integer, kind};
