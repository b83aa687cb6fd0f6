//! A small part of the examples `blast-radius` and `figures`, for every change. The tests prove nothing about times,
//! because the machine that runs them does other things, too.

#![cfg(target_os = "linux")] // the examples read /proc
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a panic in a test is its report

mod attacks;
mod blast_radius;
mod figures;
