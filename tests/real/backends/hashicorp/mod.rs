//! The backend `hashicorp` with Vault.

mod contract;
mod leases;
mod log;
mod login;
mod outage;
mod tls;
