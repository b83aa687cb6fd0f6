//! The meta-tools over MCP: a real server, vaults in memory and a service on loopback.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod cancellation;
mod canned;
mod concurrency;
mod connections;
mod direct;
mod health;
mod host_origin;
mod memory;
mod protocol;
mod results;
mod revisions;
mod round_trip;
mod schema;
mod server;
mod shutdown;
mod slips;
mod stdio;
mod values;
