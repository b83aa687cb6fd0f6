//! What stands in `deploy/`, held against the real programs that read it, and a rolling update.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests: there a panic is the report

mod balancer;
mod rolling;
#[allow(dead_code, reason = "it is shared, and this binary uses a part of it")]
#[path = "../support/site.rs"]
mod site;
