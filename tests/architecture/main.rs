//! Which way dependencies point: the rules of ARCHITECTURE.md, checked against `cargo metadata` and the source.
//!
//! Each rule is a function of text and names, and is also given a planted violation: a rule that cannot fail proves nothing.

#![allow(clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod crates;
mod cycles;
mod floors;
mod graph;
mod guides;
mod names;
mod paths;
mod size;
mod sources;
