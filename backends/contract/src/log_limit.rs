//! A limit on log lines that a flood of the same event would repeat.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Decides when a line about an event may be logged: at most once in an interval.
#[derive(Debug)]
pub struct LogLimit {
    interval: Duration,
    /// When the last line was logged.
    last: Mutex<Option<Instant>>,
}

impl LogLimit {
    /// At most one line in each `interval`. The first one is due at once.
    pub fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    /// Whether a line may be logged now. It then counts as logged.
    pub fn due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = last.is_none_or(|last| now.duration_since(last) >= self.interval);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_writes_one_line_an_interval() {
        let interval = Duration::from_secs(10);
        let limit = LogLimit::new(interval);
        assert_eq!([limit.due(), limit.due()], [true, false]);
        tokio::time::advance(interval).await;
        assert_eq!([limit.due(), limit.due()], [true, false]);
    }
}
