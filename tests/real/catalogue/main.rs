//! The catalogue against the services' API descriptions.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a panic in a test is its report

mod description;
mod recorder;
mod request;
mod requests_fit;
