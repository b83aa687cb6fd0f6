//! The HTTP header `Retry-After`.

use std::time::Duration;

/// Parses the value of `Retry-After`, for [`VaultError::with_retry_after`](crate::VaultError::with_retry_after).
///
/// Takes whole seconds. The form with a date is ignored, because it depends on two clocks.
///
/// ```
/// use std::time::Duration;
///
/// use cofferdam_vault::retry_after;
///
/// assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
/// assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), None);
/// ```
#[must_use]
pub fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}
