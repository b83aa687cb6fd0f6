//! How long something is still valid, and how a diagnosis rates that.

use std::fmt;
use std::time::Duration;

use cofferdam_config::{Diagnostic, Shown, Text};

/// Below this, what cannot be renewed is rated bad: it may expire before anyone checks again.
const BAD_BELOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Below this, it is worth a notice.
const NOTICE_BELOW: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Rates something that expires in `left`: an error if that is within a day, a warning if it is within a week.
///
/// `what` says what expires and when, `help` how to replace it.
pub fn rate_expiry(left: Duration, what: Text, help: impl Into<Text>) -> Diagnostic {
    match left {
        _ if left < BAD_BELOW => Diagnostic::error("", what, help),
        _ if left < NOTICE_BELOW => Diagnostic::warning("", what, help),
        _ => Diagnostic::info("", what),
    }
}

/// A duration in its two largest units: `3d 4h`.
#[derive(Debug, Clone, Copy)]
pub struct TimeLeft(pub Duration);

impl Shown for TimeLeft {}

impl fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60) {
            (0, 0, 0) => write!(f, "{seconds}s"),
            (0, 0, minutes) => write!(f, "{minutes}m"),
            (0, hours, minutes) => write!(f, "{hours}h {minutes}m"),
            (days, hours, _) => write!(f, "{days}d {hours}h"),
        }
    }
}
