//! The outermost wall: how long a caller waits, and how many may.

use cofferdam_vault::{ErrorKind, VaultError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::pending::Pending;
use super::refusal;

/// Where callers wait for the vault. One more than there are seats is turned away at once: a queue that grows
/// without end takes the whole process's memory, and every other vault with it.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    seats: Semaphore,
    max: usize,
}

impl WaitingRoom {
    /// Room for `max` callers.
    pub(super) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { seats: Semaphore::new(max), max }
    }

    /// A seat, given back when it is dropped; `Unavailable` where none is free. The breaker never hears of it.
    pub(super) fn enter(&self) -> Result<SemaphorePermit<'_>, VaultError> {
        self.seats.try_acquire().map_err(|_| queue_full(self.max))
    }
}

/// The answer where the queue is full.
pub(super) fn queue_full(max: usize) -> VaultError {
    refusal(format!("queue full: {max} reads wait for this vault already (`max_waiting`); try again later"))
}

/// Waits for `pending`, but no longer than `deadline`. Giving up ends nothing for those who still wait.
pub(super) async fn wait<T: Clone + Send + Sync + 'static>(
    pending: Pending<T>,
    deadline: Instant,
) -> Result<T, VaultError> {
    match timeout_at(deadline, pending.answer()).await {
        Ok(answer) => answered(answer),
        Err(_) => Err(VaultError::vault(
            ErrorKind::Timeout,
            "the vault did not answer before the call's own deadline; try again, or allow the call more time",
        )),
    }
}

/// An answer that was waited for; an error where its task panicked, so that nobody waits for ever.
pub(super) fn answered<T>(answer: Option<T>) -> Result<T, VaultError> {
    answer.ok_or_else(|| {
        VaultError::vault(
            ErrorKind::Malformed,
            "the read ended without an answer: a defect; the log says where",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::task::TaskTracker;

    use super::*;

    #[tokio::test]
    async fn one_more_than_there_are_seats_is_turned_away() {
        let room = WaitingRoom::new(2);
        let seats = (room.enter().unwrap(), room.enter().unwrap());
        let error = room.enter().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().starts_with("queue full"));
        drop(seats.0);
        assert!(room.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn each_waits_its_own_time_and_no_longer() {
        let pending = Pending::spawn(&TaskTracker::new(), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            7
        });
        let start = Instant::now();
        let error = wait(pending.clone(), start + Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(wait(pending, start + Duration::from_secs(5)).await, Ok(7));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }
}
