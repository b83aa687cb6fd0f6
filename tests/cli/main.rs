//! The command line, by running the real binary: what people and scripts see of it.
//!
//! Needs bash and groff from the machine; vaults and profiles are made on the spot, services listen on loopback.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests: there a panic is the report

mod calls;
mod completions;
mod connecting;
mod copies;
mod demo;
mod doctor;
mod documents;
mod help;
mod manual;
mod profiles;
mod secrets;
mod serving;
mod site;
#[path = "../support/mod.rs"]
mod support;
