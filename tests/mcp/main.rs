//! The meta-tools end to end: real clients, a real server, vaults in memory and a service on loopback.

// Only functions marked `#[test]` are exempt by clippy.toml; their helpers are tests too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod answers;
mod clients;
mod ends;
mod guards;
mod harness;
mod health;
mod stdio;
