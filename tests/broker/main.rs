//! One vault fails in each of many ways, and the modules on other vaults are not affected.

#![allow(clippy::unwrap_used, clippy::panic)] // a panic in a test is its report

mod backend_under_test;
mod command_faults;
mod concurrency;
mod fault_matrix;
mod file_faults;
mod fixture;
