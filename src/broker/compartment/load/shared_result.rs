//! The result of a task of the compartment, for which any number of callers wait.

use cofferdam_vault::{ErrorKind, VaultError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::broker::compartment::tasks::Tasks;

/// A handle to a result that is computed once. Dropping a handle does not stop the task.
#[derive(Debug, Clone)]
pub(crate) struct SharedResult<T>(watch::Receiver<Option<T>>);

impl<T: Clone + Send + Sync + 'static> SharedResult<T> {
    /// Runs `work` as a task of its own.
    pub(crate) fn spawn(tasks: &Tasks, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (completer, result) = Self::new();
        tasks.spawn(async move { completer.complete(work.await) });
        result
    }

    /// A pending result, and the completer that sets it.
    pub(crate) fn new() -> (Completer<T>, Self) {
        let (sender, receiver) = watch::channel(None);
        (Completer(sender), Self(receiver))
    }

    /// A result that is already set.
    pub(crate) fn ready(value: T) -> Self {
        Self(watch::channel(Some(value)).1)
    }

    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// `Malformed` if the task ended without a result, because it panicked.
    pub(crate) async fn wait(mut self) -> Result<T, VaultError> {
        let value = self.0.wait_for(Option::is_some).await.ok().and_then(|value| value.clone());
        value.ok_or_else(|| {
            VaultError::vault(
                ErrorKind::Malformed,
                "the read ended without a result; this is a defect, and the log has the details",
            )
        })
    }

    /// Waits for the result until `deadline`. A caller that stops waiting does not affect the others.
    ///
    /// # Errors
    ///
    /// `Timeout` at `deadline`; otherwise as [`SharedResult::wait`].
    pub(crate) async fn wait_until(self, deadline: Instant) -> Result<T, VaultError> {
        timeout_at(deadline, self.wait()).await.unwrap_or_else(|_| {
            Err(VaultError::vault(
                ErrorKind::Timeout,
                "the vault did not answer before the deadline of the call; try again, or allow the call more time",
            ))
        })
    }

    /// The result if it is set.
    pub(crate) fn get(&self) -> Option<T> {
        self.0.borrow().clone()
    }

    /// Whether the task is still running.
    pub(crate) fn is_pending(&self) -> bool {
        self.0.borrow().is_none() && self.0.has_changed().is_ok()
    }
}

/// Sets a [`SharedResult`]. Dropping it without a result fails everyone who waits.
#[derive(Debug)]
pub(crate) struct Completer<T>(watch::Sender<Option<T>>);

impl<T> Completer<T> {
    /// Sets the result.
    pub(crate) fn complete(self, value: T) {
        // An error means that every receiver has gone.
        let _ = self.0.send(Some(value));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn every_waiter_gets_the_one_result_and_a_late_one_too() {
        let (release, released) = tokio::sync::oneshot::channel::<u32>();
        let result = SharedResult::spawn(&Tasks::default(), async { released.await.unwrap() });
        assert!(result.is_pending());
        let early = tokio::spawn(result.clone().wait());
        release.send(7).unwrap();
        assert_eq!(early.await.unwrap(), Ok(7));
        assert_eq!(result.clone().wait().await, Ok(7));
        assert_eq!((result.get(), result.is_pending()), (Some(7), false));
        assert_eq!(SharedResult::ready(8).wait().await, Ok(8));
    }

    #[tokio::test]
    async fn a_panic_fails_every_waiter() {
        let result: SharedResult<u32> =
            SharedResult::spawn(&Tasks::default(), async { panic!("on purpose") });
        assert_eq!(result.clone().wait().await.unwrap_err().kind(), ErrorKind::Malformed);
        assert!(!result.is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_waits_until_its_own_deadline() {
        let result = SharedResult::spawn(&Tasks::default(), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            7
        });
        let start = Instant::now();
        let error = result.clone().wait_until(start + Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(result.wait_until(start + Duration::from_secs(5)).await, Ok(7));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }
}
