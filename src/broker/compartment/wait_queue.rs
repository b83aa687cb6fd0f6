//! The wait queue: the bound on how many callers wait for one vault.

use cofferdam_vault::{ErrorKind, VaultError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Counts the callers that wait for the vault.
///
/// An unbounded queue would use up the memory of the whole process, and fail every other vault with it.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    permits: Semaphore,
    max: usize,
}

impl WaitQueue {
    /// A queue of `max` callers, at least one.
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Semaphore::new(max), max }
    }

    /// Returns a permit to wait. The caller leaves the queue when it drops the permit.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the queue is full. The breaker does not count this error: the vault was not asked.
    pub(crate) fn acquire(&self) -> Result<SemaphorePermit<'_>, VaultError> {
        self.permits.try_acquire().map_err(|_| queue_full(self.max))
    }
}

/// The error of a full queue of `max` reads.
pub(crate) fn queue_full(max: usize) -> VaultError {
    VaultError::vault(
        ErrorKind::Unavailable,
        format!("queue full: {max} reads are waiting for this vault (`max_waiting`); try again later"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_caller_beyond_the_bound_is_rejected_at_once() {
        let queue = WaitQueue::new(2);
        let permits = (queue.acquire().unwrap(), queue.acquire().unwrap());
        let error = queue.acquire().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().starts_with("queue full"));
        drop(permits.0);
        assert!(queue.acquire().is_ok());
    }
}
