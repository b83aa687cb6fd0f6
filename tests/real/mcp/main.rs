//! MCP's public conformance suite, and the clients that their makers publish.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod clients;
mod conformance;
mod conformance_stack;
