//! Callers and services that take what all modules share, on the shipped binary under the memory limit of the shipped
//! deployments. What it costs the others in time is measured by the example `blast-radius`.

#![cfg(target_os = "linux")] // control groups and namespaces
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a panic in a test is its report

mod attacks;
mod limit;
