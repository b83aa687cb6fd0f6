//! A steady pace for many requests.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Between two requests: a little over a twentieth of a second, so that no second sees more than twenty. Batches may
/// come 100 a second for a whole account; twenty leave room for the other replicas that start at the same time.
const GAP: Duration = Duration::from_millis(51);
/// What a gap is lengthened by at most, so that replicas do not march in step.
const JITTER_MS: u64 = 10;

/// Hands out turns, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// Waits for this request's turn. Turns come in the order in which they are asked for.
    pub(crate) async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + GAP + Duration::from_millis(fastrand::u64(0..=JITTER_MS)));
            at
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_than_twenty_turns_and_they_are_not_wasted() {
        let pace = Pace::default();
        let mut turns = Vec::new();
        for _ in 0..200 {
            pace.turn().await;
            turns.push(Instant::now());
        }
        let crowded = turns.windows(21).any(|turns| turns[20] - turns[0] <= Duration::from_secs(1));
        assert!(!crowded, "{turns:?}");
        assert!(turns[199] - turns[0] < Duration::from_secs(13));
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_request_does_not_wait() {
        let begin = Instant::now();
        Pace::default().turn().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
