//! The contract suite and everything else on a stand-in for Azure.
//!
//! - `standin`: the stand-in
//! - `store`: the suite, and what only this store has
//! - `faults`: logins, faults and secrecy
#![allow(clippy::unwrap_used, clippy::panic)] // in a test a panic is the report

mod faults;
mod standin;
mod store;
