//! How a tool reaches its service.
//!
//! A connector is a folder with an implementation of [`Connector`]. There is one, [`http`]; another one is another
//! folder beside it, with a `Service`, an `Operation` and an `Endpoint` of its own. What all connectors share is here:
//!
//! - `effects`, `outcome`: what an operation does, and whether it may have done it
//! - `answer`, `failure`: how a call ends
//! - `limits`: how many calls of a module run and wait at once
//! - `decimal`: exact numbers
//! - `scrub`: removes credentials from both
//! - `search`: finds parts of an answer
//! - `workers`: threads that process large answers

mod answer;
mod connector;
mod decimal;
mod effects;
mod failure;
pub mod http;
mod limits;
mod outcome;
mod scrub;
pub(crate) mod search;
mod workers;

pub use answer::{Answer, Content};
pub use connector::Connector;
pub use effects::{Effects, SideEffect};
pub use failure::CallFailure;
pub use limits::CallLimits;
pub use outcome::Outcome;
pub use scrub::Scrubber;
pub use workers::WorkerPool;
