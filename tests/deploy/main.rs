//! The files in `deploy/` fit each other and the program, and a rolling update drops no call. `tests/real/deploy` checks
//! them with the real programs.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod balancer;
mod manifests;
mod rolling;
mod scripts;
mod systemd;
