//! MCP's public conformance suite, the clients that their makers publish, and clients that take all they can.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod clients;
mod conformance;
mod conformance_stack;
mod connections;
mod peers;
