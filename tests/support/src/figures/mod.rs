//! The proof: what a figure was promised to be, and what it is on this machine, now.

pub(crate) mod bare;
pub(crate) mod calls;
mod figure;
mod plan;
mod process;
mod resolve;
mod service;
mod sites;
pub(crate) mod starts;
pub(crate) mod steady;
mod wrk;

pub(crate) use figure::Figure;
pub(crate) use plan::Plan;
pub(crate) use process::{Process, Program, Server};
pub(crate) use resolve::resolve;
pub(crate) use service::Service;
pub(crate) use sites::Sites;

/// Why a figure could not be had at all: a text for a person, which is no verdict on the product.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;
