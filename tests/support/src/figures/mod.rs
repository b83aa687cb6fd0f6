//! What the example `figures` measures: each figure, what is promised, and what it is on this machine now.

#![allow(clippy::print_stdout, reason = "a measurement shows its progress")]

pub mod bare;
pub mod calls;
mod environments;
mod figure;
mod issue_service;
mod plan;
mod resolve;
mod server;
pub mod starts;
pub mod steady;
mod wrk;

pub use environments::{Environment, Environments};
pub use figure::Figure;
pub use issue_service::IssueService;
pub use plan::Plan;
pub use resolve::resolve;
pub use server::{Process, Server};

use crate::{Failed, Program};
