//! The backends with real servers: the contract, logins, leases, faults, and what is logged.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a panic in a test is its report

mod age;
mod aws;
mod command;
mod hashicorp;
mod keychain;
mod kubernetes;
mod sops;
