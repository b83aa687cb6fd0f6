//! The command line: what people and scripts see of the program.
//!
//! Each test runs the program with vaults and profiles of its own. Services listen on loopback. What needs bash, groff or a
//! real server is in `tests/real/cli`.

#![allow(clippy::unwrap_used, clippy::panic)] // a panic in a test is its report

mod call;
mod client_config;
mod completions;
mod demo;
mod doctor;
mod documents;
mod help;
mod man;
mod pasted;
mod profile;
mod secret;
mod secret_copy;
mod serve;
mod trace;
