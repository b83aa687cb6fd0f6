//! What stands in `deploy/`, held against the real programs that read it, and a rolling update.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests: there a panic is the report

mod aws;
mod balancer;
#[path = "../../backends/aws/tests/support/mod.rs"]
mod cloud;
mod cluster;
mod hashicorp;
mod kubernetes;
mod manifests;
mod rolling;
#[path = "../support/mod.rs"]
mod support;
mod systemd;

use std::path::PathBuf;

/// A file below `deploy/`.
fn deploy(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

/// The text of a file below `deploy/`.
fn text_of(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
