//! Fetches, starts and stops the real programs that the tests run against.
//!
//! ```no_run
//! let age = cofferdam_servers::age()?;
//! std::process::Command::new(age.join("age")).arg("--version").status()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program on `PATH` comes first; else it is fetched once from its registry into the user's cache folder
//! (`${XDG_CACHE_HOME:-~/.cache}/cofferdam`), keyed by its version, and the fetch is announced on standard error.
//! What cannot be had is an error that says how to get it: no test is skipped in silence.

mod cache;
mod clients;
mod conformance;
mod containers;
mod debian;
mod go;
#[cfg(target_os = "linux")]
mod hanging_mount;
mod kubernetes;
mod memory_limit;
mod moto;
mod npm;
mod ports;
mod postgres;
mod prism;
mod process;
mod secret_service;
mod tools;
mod toxiproxy;
mod vault;

pub use cache::{Unavailable, cache_dir};
pub use clients::{NodeClients, fastmcp, node_clients, python_mcp};
pub use conformance::{Baseline, Check, Conformance, Scenario, Status, Verdict, conformance};
pub use containers::Engine;
#[cfg(target_os = "linux")]
pub use hanging_mount::HangingMount;
pub use kubernetes::Kubernetes;
pub use memory_limit::MemoryLimit;
pub use moto::Moto;
pub use ports::free;
pub use postgres::Postgres;
pub use prism::{ApiDescriptions, Prism, api_descriptions};
pub use process::Running;
pub use secret_service::SecretService;
pub use tools::{age, cfn_lint, gopass, groff, pass, sops, systemd_analyze, wrk};
pub use toxiproxy::Toxiproxy;
pub use vault::{Vault, vault_binary};
