//! What the example `blast-radius` measures: real servers, a fault in one vault, load on a real `cofferdam serve`, and the
//! outcome.

mod age_file;
mod aws;
mod faults;
mod fixture;
mod load;
pub mod many;
mod outcome;
mod plan;
mod profile;
mod proxy;
pub mod scenario;
mod server;
mod toxics;
mod vault;

pub use faults::{Fault, Target};
pub use fixture::Fixture;
pub use outcome::{Figures, IN_TIME, Outcome, Promise, RECOVERS, Windows};
pub use plan::{MAX_INTERVALS, MAX_RATIO, Plan};
pub use scenario::Scenario;

use crate::{Failed, Program};
