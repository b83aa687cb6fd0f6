//! What the measurements share: statistics, and what Linux reports about a process.

mod descriptors;
mod example;
mod process;
mod program;
mod statistics;

pub(crate) use descriptors::{descriptors, raise_descriptor_limit};
pub use example::{run_example, until_interrupted};
pub(crate) use process::{ProcessStatus, processor_time};
pub use program::Program;
pub use statistics::median;
pub(crate) use statistics::span;

/// Why something could not be measured at all, as text for a person. It does not mean that a promise is broken.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
