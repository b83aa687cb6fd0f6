//! The commands of who runs Cofferdam, on real servers: `secret copy` and `doctor`.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests: there a panic is the report

mod chain;
mod doctor;
mod world;
