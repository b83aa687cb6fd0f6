//! The attempt timeout, the innermost layer: one request to the vault with a clock of its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{ErrorKind, VaultError, with_permit};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::error::AttemptError;

/// Limits the time of each attempt.
#[derive(Debug)]
pub(crate) struct AttemptTimeout(Duration);

impl AttemptTimeout {
    /// Each attempt may take `timeout`.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self(timeout)
    }

    /// Runs `request` against the vault at `location`. The clock starts now; the caller already has its `permit`, which is
    /// dropped when the attempt is over and the thread of the vault has returned.
    ///
    /// # Errors
    ///
    /// The inner error is the vault's. The outer one is `Local`: `deadline` cut the attempt short before it had half of its
    /// time, because queueing took the rest. After half of its time, silence counts as the vault's: otherwise a vault that
    /// hangs would never be blamed by attempts that the deadline ends.
    pub(crate) async fn run<T>(
        &self,
        request: impl Future<Output = Result<T, VaultError>>,
        location: &str,
        permit: impl Any + Send + Sync,
        deadline: Instant,
    ) -> Result<Result<T, VaultError>, AttemptError> {
        let allowed = self.0.min(deadline.saturating_duration_since(Instant::now()));
        match timeout(allowed, with_permit(Arc::new(permit), catch_panic(request))).await {
            Ok(result) => Ok(result.and_then(|result| result)),
            Err(_) if allowed < self.0 / 2 => Err(AttemptError::local(
                "the deadline passed while the read was queued; try again, or raise `max_in_flight`",
            )),
            Err(_) => Ok(Err(VaultError::vault(
                ErrorKind::Timeout,
                format!("no answer from {location} within {allowed:?}"),
            ))),
        }
    }
}

/// Runs code of a backend and turns a panic into an error.
///
/// The backend must be called inside `work`, so that a panic before its first await is caught too.
pub(crate) async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T, VaultError> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| panicked())
}

/// The error of a backend that panicked.
pub(crate) fn panicked() -> VaultError {
    VaultError::vault(
        ErrorKind::Malformed,
        "the backend panicked; this is a defect, and the log has the details",
    )
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{Calls, Fault, Faults, MemoryVault, field, path};
    use cofferdam_vault::{Secret, Stage, Vault as _};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn run(fault: Fault, left: Duration) -> Result<Result<Secret, VaultError>, AttemptError> {
        let memory = MemoryVault::new("attempt");
        memory.put("github/work", [("token", "one")]);
        let faults = Faults::default();
        faults.set(Calls::All, fault);
        let vault = faults.wrap(Arc::new(memory));
        let (path, fields) = (path("github/work"), [field("token")]);
        let read = async { vault.read(&path, &fields, Stage::Current).await };
        AttemptTimeout::new(2 * SECOND).run(read, "attempt:", (), Instant::now() + left).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_takes_no_longer_than_it_may() {
        let start = Instant::now();
        let error = run(Fault::Hang, 5 * SECOND).await.unwrap().unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Timeout, 2 * SECOND));
        assert!(error.counts_for_breaker());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_against_the_vault_only_after_half_of_the_timeout() {
        let start = Instant::now();
        assert!(run(Fault::Hang, SECOND).await.is_ok());
        assert!(matches!(
            run(Fault::Hang, SECOND - Duration::from_millis(1)).await,
            Err(AttemptError::Local(_))
        ));
        assert_eq!(start.elapsed(), 2 * SECOND - Duration::from_millis(1), "the deadline bounds both");
    }
}
