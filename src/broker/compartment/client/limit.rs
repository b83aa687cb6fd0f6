//! The concurrency limit: how many requests may be at the vault at once.
//!
//! A permit travels with its attempt in [`cofferdam_vault::with_permit`]. It returns when the attempt is over *and* the
//! thread that the attempt started has returned. An attempt that timed out on a hung file system therefore keeps its
//! permit, and hung threads never exceed the limit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::error::AttemptError;

/// The permits of one vault.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    max: usize,
}

impl ConcurrencyLimit {
    /// A limit of `max` concurrent requests, at least one.
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(max)), max }
    }

    /// Waits for a permit, first come, first served.
    ///
    /// # Errors
    ///
    /// `Local` at `deadline`, or the result of `circuit_open` when that completes. The vault is not to blame for either.
    pub(crate) async fn acquire(
        &self,
        deadline: Instant,
        circuit_open: impl Future<Output = AttemptError>,
    ) -> Result<OwnedSemaphorePermit, AttemptError> {
        let exhausted = || {
            AttemptError::local(format!(
                "all {} requests that the vault may serve at once (`max_in_flight`) are still running; try again later",
                self.max
            ))
        };
        tokio::select! {
            biased;
            error = circuit_open => Err(error),
            permit = Arc::clone(&self.permits).acquire_owned() => permit.map_err(|_| exhausted()),
            () = sleep_until(deadline) => Err(exhausted()),
        }
    }
}

#[cfg(test)]
impl ConcurrencyLimit {
    /// Number of free permits.
    pub(crate) fn available(&self) -> usize {
        self.permits.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_beyond_the_limit_waits_until_a_permit_returns() {
        let limit = ConcurrencyLimit::new(1);
        let first = limit.acquire(soon(), pending()).await.unwrap();
        let queued = limit.acquire(soon(), pending());
        tokio::pin!(queued);
        tokio::select! {
            biased;
            _ = &mut queued => panic!("there was no permit"),
            () = tokio::time::sleep(Duration::from_secs(1)) => drop(first),
        }
        assert!(queued.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_ends_at_the_deadline_without_blaming_the_vault() {
        let limit = ConcurrencyLimit::new(1);
        let _held = limit.acquire(soon(), pending()).await.unwrap();
        let start = Instant::now();
        assert!(matches!(limit.acquire(soon(), pending()).await, Err(AttemptError::Local(_))));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_ends_when_the_circuit_opens() {
        let limit = ConcurrencyLimit::new(1);
        let _held = limit.acquire(soon(), pending()).await.unwrap();
        let start = Instant::now();
        let circuit_open = ready(AttemptError::local("on purpose"));
        assert!(matches!(limit.acquire(soon(), circuit_open).await, Err(AttemptError::Local(_))));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
