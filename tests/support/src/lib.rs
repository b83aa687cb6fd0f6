//! What tests, benches and examples share.
//!
//! ```no_run
//! use cofferdam_testing::{TWO_VAULTS, TestEnv};
//!
//! let env = TestEnv::new(TWO_VAULTS).with_variable("TICKETS_TOKEN", "a token");
//! let listed = env.run(&["module", "list", "--json"]).expect(0).json();
//! assert_eq!(listed["modules"][0]["name"], "notes");
//! ```
//!
//! - [`TestEnv`]: a folder with a profile, its vaults and its manifests, and the program run in it
//! - [`FakeService`]: a REST service on loopback that checks its tokens
//! - [`cofferdam`], [`serve`]: the program under test, a process of its own
//! - [`generated_modules`]: a thousand modules of twenty tools each
//! - [`vault_server`], [`moto`], [`kubernetes_server`]: HashiCorp Vault, AWS Secrets Manager and a Kubernetes API server with
//!   an operator, for the tests against real servers
//! - [`attacks`]: callers and services that take what others need, and a server under the memory limit of a container
//! - [`blast_radius`], [`figures`], [`soak`]: what the examples of these names measure; the tests run a small part of each

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails its test, and the panic says why"
)]

mod alone;
pub mod attacks;
pub mod blast_radius;
pub mod deploy;
mod env;
pub mod figures;
pub mod generated_modules;
pub mod kubernetes_server;
mod mcp;
mod measure;
pub mod moto;
mod namespace;
mod output;
pub mod page;
mod paths;
mod program;
mod service;
pub mod soak;
pub mod vault_server;
pub mod warm_broker;

pub use alone::runs_alone;
pub use cofferdam_servers::Running;
pub use env::{TWO_VAULTS, TestEnv};
pub use mcp::call_tool;
pub use measure::{Failed, Program, median, run_example, until_interrupted};
pub use namespace::{bring_loopback_up, run_in_a_namespace};
pub use output::{CommandOutput, RunningCommand};
pub use paths::{fixture, root};
pub use program::{
    COMMANDS, PROGRAM_VARIABLE, bare, cofferdam, make_key, program, run_with_input, serve, write_private,
};
pub use service::FakeService;
