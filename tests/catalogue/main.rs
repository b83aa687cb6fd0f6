//! The catalogue against the services' own API descriptions, and against a model's words.

// Only functions marked `#[test]` are exempt by clippy.toml; their helpers are tests too.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

mod description;
#[path = "../support/fillers.rs"]
#[allow(dead_code)] // others count the modules, too
mod fillers;
mod proof;
mod recorder;
mod request;
mod search;
