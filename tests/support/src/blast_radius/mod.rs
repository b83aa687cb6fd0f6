//! What the example `blast-radius` measures: real servers, a fault in one vault, load on a real `cofferdam serve`, and the
//! outcome.

mod added;
pub(crate) mod age_file;
mod aws;
mod command;
pub(crate) mod comparison;
mod faults;
mod fixture;
mod keychain;
mod kubernetes;
pub(crate) mod load;
pub mod many;
mod outcome;
pub(crate) mod plan;
pub(crate) mod profile;
mod proxy;
pub mod scenario;
pub(crate) mod server;
mod sops;
mod toxics;
pub(crate) mod vault;

pub use comparison::{Comparison, Figures, Promise, Windows};
pub use faults::{Fault, Target};
pub use fixture::Fixture;
pub use outcome::{IN_TIME, Outcome, RECOVERS};
pub use plan::{ADDED_RATE, MAX_INTERVALS, MAX_RATIO, Plan};
pub use scenario::Scenario;

use crate::{Failed, Program};
