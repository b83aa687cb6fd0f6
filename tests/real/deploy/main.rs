//! The files in `deploy/`, checked by the real programs that read them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod aws;
mod cluster;
mod hashicorp;
mod kubernetes;
mod systemd;
