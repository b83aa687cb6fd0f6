//! How many calls of one module run and wait at once.

use std::time::Duration;

/// The limits on the calls of one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// How many calls may run at once.
    pub in_flight: u32,
    /// How many further calls may wait. With zero, a call that would have to wait is refused.
    pub queue: u32,
    /// How long a call may wait to run and then run, together.
    pub timeout: Duration,
}
