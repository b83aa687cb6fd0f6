//! Whether a write may have happened.

use super::effects::{Effects, SideEffect};

/// Whether a write may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing reached the service.
    NotSent,
    /// Nothing changed: the service refused, or the operation only reads.
    Rejected,
    /// The write may have succeeded.
    Unknown,
}

impl Outcome {
    /// The outcome once a request is on its way and the service has not refused it.
    pub(crate) fn after_sending(effects: Effects) -> Self {
        match effects.side_effect {
            SideEffect::None => Self::Rejected,
            SideEffect::Write | SideEffect::Destructive => Self::Unknown,
        }
    }
}
