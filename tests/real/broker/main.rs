//! The broker before real stores and on the real clock: what breaks there is told rightly, and mends by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

#[path = "../../backends/aws/tests/support/mod.rs"]
mod cloud;
mod cold;
mod cycles;
mod dynamic;
#[path = "../../backends/hashicorp/tests/support/mod.rs"]
mod hashi;
mod outage;
mod rotation;
mod world;
