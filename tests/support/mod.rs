//! What the end-to-end tests share: a service on loopback, and a site (profile, vaults, manifests) made on the spot.

#![allow(dead_code, reason = "each test binary uses its part of it")]

mod service;
mod site;

pub(crate) use service::Service;
pub(crate) use site::{Site, cofferdam};
