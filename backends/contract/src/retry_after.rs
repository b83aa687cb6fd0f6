//! The HTTP header `Retry-After`.

use std::time::Duration;

/// Parses the value of `Retry-After`, for [`VaultError::with_retry_after`](crate::VaultError::with_retry_after).
///
/// Takes seconds, and rounds a fraction up. The form with a date is ignored, because it depends on two clocks.
///
/// ```
/// use std::time::Duration;
///
/// use cofferdam_vault::retry_after;
///
/// assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
/// assert_eq!(retry_after("299.4"), Some(Duration::from_secs(300)));
/// assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), None);
/// ```
#[must_use]
pub fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    let (seconds, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let up = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    seconds.parse::<u64>().ok()?.checked_add(up).map(Duration::from_secs)
}
