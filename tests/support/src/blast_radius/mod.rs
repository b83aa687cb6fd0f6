//! The proof: a world of real servers, a fault in one of its vaults, load on a real `cofferdam serve`, and what came of it.

mod age_file;
mod cloud;
mod faults;
mod front;
mod hashi;
#[cfg(target_os = "linux")]
mod hung;
pub(crate) mod judge;
mod load;
pub(crate) mod many;
mod plan;
mod profile;
pub(crate) mod scenario;
mod server;
mod toxics;
mod world;

pub(crate) use faults::{Fault, Target};
pub(crate) use judge::{Outcome, median};
pub(crate) use plan::{MAX_INTERVALS, MAX_RATIO, Plan};
pub(crate) use scenario::Scenario;
pub(crate) use server::Program;
pub(crate) use world::World;

/// Why a part of the proof could not be run at all: a text for a person, which is no verdict on the product.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;
