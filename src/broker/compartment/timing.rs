//! Arithmetic on instants, and the randomness that tests replace.

use std::time::Duration;

use tokio::time::Instant;

/// Returns a number in `0.0..1.0`. Tests inject a constant.
pub(crate) type Jitter = fn() -> f64;

/// Adds `duration` to `instant`. A sum that the clock cannot represent becomes thirty years.
pub(crate) fn saturating_add(instant: Instant, duration: Duration) -> Instant {
    const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    instant.checked_add(duration).unwrap_or_else(|| instant + FAR_FUTURE)
}
