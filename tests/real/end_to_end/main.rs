//! The program as a whole, in situations of a user: without a network, with silent name servers, from an empty folder, after
//! an upgrade, and with a search for leaked secrets.

#![cfg(target_os = "linux")] // network namespaces, core dumps
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod airgap;
mod canary;
mod first_call;
mod https_service;
mod silent_name_server;
mod upgrade;
