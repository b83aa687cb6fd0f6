//! What the end-to-end tests share: the program, a service on loopback, and a site (profile, vaults, manifests) made on the
//! spot.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]

mod mcp;
mod program;
mod service;
mod site;

pub(crate) use mcp::call_tool;
pub(crate) use program::{PROGRAM, bare, cofferdam, make_key, run_with_input, serve, write_private};
pub(crate) use service::Service;
pub(crate) use site::Site;
