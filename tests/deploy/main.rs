//! The files in `deploy/` fit each other and the program, and a rolling update drops no call. What the real programs say about
//! them is tested in `tests/real/deploy`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod balancer;
mod manifests;
mod rolling;
mod systemd;
