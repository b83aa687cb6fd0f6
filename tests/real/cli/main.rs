//! The command line with real programs: bash, groff, and the vaults of `secret copy` and `doctor`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod bash_completion;
mod copy_chain;
mod doctor;
mod fixture;
mod man_pages;
mod round_trip;
