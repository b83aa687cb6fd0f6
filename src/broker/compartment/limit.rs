//! The limit: how many requests may be at the vault at once.
//!
//! A permit goes into [`cofferdam_vault::with_permit`] with its attempt, and comes back when the attempt is over *and* the
//! thread that it started has returned. An attempt that timed out on a hung file system so keeps its permit, and hung
//! threads never add up beyond the limit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::refusal;
use super::retry::Failure;

/// The permits of one vault.
#[derive(Debug)]
pub(super) struct Limit {
    permits: Arc<Semaphore>,
    max: usize,
}

impl Limit {
    /// `max` permits.
    pub(super) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(max)), max }
    }

    /// A permit, in the order of asking.
    ///
    /// # Errors
    ///
    /// `Refused` at `deadline`, or as soon as `given_up` answers. Both are our own queue's doing, and never the vault's.
    pub(super) async fn enter(
        &self,
        deadline: Instant,
        given_up: impl Future<Output = Failure>,
    ) -> Result<OwnedSemaphorePermit, Failure> {
        let full = || {
            Failure::Refused(refusal(format!(
                "all {} requests that may be at the vault at once (`max_in_flight`) are still there; try again later",
                self.max
            )))
        };
        tokio::select! {
            biased;
            refused = given_up => Err(refused),
            permit = Arc::clone(&self.permits).acquire_owned() => permit.map_err(|_| full()),
            () = sleep_until(deadline) => Err(full()),
        }
    }
}

#[cfg(test)]
impl Limit {
    /// How many permits are here.
    pub(super) fn free(&self) -> usize {
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
    async fn one_more_waits_until_a_permit_comes_back() {
        let limit = Limit::new(1);
        let first = limit.enter(soon(), pending()).await.unwrap();
        let queued = limit.enter(soon(), pending());
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
        let limit = Limit::new(1);
        let _held = limit.enter(soon(), pending()).await.unwrap();
        let start = Instant::now();
        assert!(matches!(limit.enter(soon(), pending()).await, Err(Failure::Refused(_))));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_ends_when_the_vault_is_given_up() {
        let limit = Limit::new(1);
        let _held = limit.enter(soon(), pending()).await.unwrap();
        let start = Instant::now();
        let given_up = ready(Failure::Refused(refusal("on purpose")));
        assert!(matches!(limit.enter(soon(), given_up).await, Err(Failure::Refused(_))));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
