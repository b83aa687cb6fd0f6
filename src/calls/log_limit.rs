//! A limit on log lines that a flood of calls would repeat.

use std::time::Duration;

use tokio::time::Instant;

/// The time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Says when a line about refused calls is due. One stands for all calls that were refused since the last one.
#[derive(Debug, Default)]
pub(super) struct LogLimit {
    /// When the last line was written.
    last: Option<Instant>,
}

impl LogLimit {
    /// Whether a line may be written now. It then counts as written.
    pub(super) fn due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_writes_one_line_an_interval() {
        let mut limit = LogLimit::default();
        assert_eq!([limit.due(), limit.due()], [true, false]);
        tokio::time::advance(INTERVAL).await;
        assert_eq!([limit.due(), limit.due()], [true, false]);
    }
}
