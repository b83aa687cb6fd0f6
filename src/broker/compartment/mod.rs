//! One vault with the walls around it.

mod walls;

pub use walls::{BreakerSettings, Walls};

/// How a vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CompartmentState {
    /// It answers.
    Ready,
    /// It is out of reach, and its cache still serves.
    Degraded,
    /// It is out of reach, and nothing can be served.
    Down,
}
