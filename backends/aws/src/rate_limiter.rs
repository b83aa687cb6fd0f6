//! A rate limiter for requests.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The minimum interval between two requests, so that no second has more than 20. An account allows 100 batches per second;
/// 20 leave room for other replicas that start at the same time.
const INTERVAL: Duration = Duration::from_millis(51);
/// The maximum jitter added to an interval, so that replicas do not send in lockstep.
const MAX_JITTER_MS: u64 = 10;

/// Spaces requests evenly.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter {
    next: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// Waits until this request may be sent. Callers proceed in the order of their calls.
    pub(crate) async fn acquire(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + INTERVAL + Duration::from_millis(fastrand::u64(0..=MAX_JITTER_MS)));
            at
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn at_most_20_requests_per_second_and_not_much_fewer() {
        let limiter = RateLimiter::default();
        let mut times = Vec::new();
        for _ in 0..200 {
            limiter.acquire().await;
            times.push(Instant::now());
        }
        let exceeded = times.windows(21).any(|times| times[20] - times[0] <= Duration::from_secs(1));
        assert!(!exceeded, "{times:?}");
        assert!(times[199] - times[0] < Duration::from_secs(13));
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_request_does_not_wait() {
        let start = Instant::now();
        RateLimiter::default().acquire().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
