//! The broker with real vaults, on the real clock: each fault is reported correctly, and the broker recovers by itself.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod cold_start;
mod fixture;
mod keychain_outage;
mod kubernetes_outage;
mod lease_churn;
mod lease_expiry;
mod rotation;
mod vault_outage;
