//! One call, from the model's arguments to the answer that it gets.
//!
//! The files in the order in which a call passes them:
//!
//! - `request`: what a caller asks for
//! - `pipeline`: the steps of a call in a straight line; one log line and one metric at its end
//! - `guard`: the deadline, the client's cancellation, and a panic that becomes `internal`
//! - `repair`: a call that is not valid, and can only mean one that is
//! - `target`: the module, the tool and the account, as this caller sees them
//! - `admission`: what a call waits for, in which order, and what it holds meanwhile
//! - `call_queue`: how many calls wait, by module
//! - `keyed_mutex`: one call at a time, for tools that are not concurrency-safe
//! - `failure`: a credential or a service that fails, in words for the model
//! - `answer`: what the model gets of an answer
//! - `error`, `metrics`: how calls end

mod admission;
mod answer;
mod call_queue;
mod error;
mod failure;
mod guard;
mod keyed_mutex;
mod metrics;
mod pipeline;
pub(crate) mod repair;
mod request;
mod target;
#[cfg(test)]
mod tests;

pub use answer::{CallAnswer, MAX_ANSWER_BYTES};
pub use error::{CallError, Code, Outcome};
pub use metrics::CallMetrics;
pub use pipeline::Calls;
pub use request::CallRequest;
pub(crate) use request::parse_arguments;
