//! The innermost wall: one attempt at the vault, with a clock of its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{ErrorKind, VaultError, with_permit};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::refusal;
use super::retry::Failure;

/// Makes attempts.
#[derive(Debug)]
pub(super) struct Attempt {
    timeout: Duration,
}

impl Attempt {
    /// Each attempt may take `timeout`.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout }
    }

    /// Does `work`, one request to the vault at `location`. The clock starts now: whoever calls has the permit already.
    /// `permit` comes back when the attempt is over and the vault's thread has returned.
    ///
    /// # Errors
    ///
    /// The inner one is the vault's. The outer one, `Refused`, is not: the caller's `deadline` cut the attempt short when
    /// it had had less than half of its time, because our own queue took the rest. With half or more, silence is
    /// the vault's; were it not, a vault that hangs would go unblamed whenever the deadline falls into an attempt.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, VaultError>>,
        location: &str,
        permit: impl Any + Send + Sync,
        deadline: Instant,
    ) -> Result<Result<T, VaultError>, Failure> {
        let allowed = self.timeout.min(deadline.saturating_duration_since(Instant::now()));
        match timeout(allowed, with_permit(Arc::new(permit), guarded(work))).await {
            Ok(answer) => Ok(answer.and_then(|answer| answer)),
            Err(_) if allowed < self.timeout / 2 => Err(Failure::Refused(refusal(
                "the deadline passed while the read waited for its turn; try again, or raise `max_in_flight`",
            ))),
            Err(_) => Ok(Err(VaultError::vault(
                ErrorKind::Timeout,
                format!("no answer from {location} within {allowed:?}"),
            ))),
        }
    }
}

/// Runs a vault's own code, where a panic is an error like another. Inside `work`, so that one before the first await is too.
pub(super) async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, VaultError> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| {
        VaultError::vault(ErrorKind::Malformed, "the vault's backend failed unexpectedly; see the log")
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{Calls, Fault, Faults, MemoryVault};
    use cofferdam_vault::{Secret, Stage, Vault as _};

    use super::*;
    use crate::broker::compartment::testing::{Rig, SECOND};

    async fn run(fault: Fault, left: Duration) -> Result<Result<Secret, VaultError>, Failure> {
        let memory = MemoryVault::new("attempt");
        memory.put("github/work", [("token", "one")]);
        let faults = Faults::default();
        faults.set(Calls::All, fault);
        let vault = faults.wrap(Arc::new(memory));
        let wanted = Rig::wanted("github/work");
        let read = async { vault.read(&wanted.path, &wanted.fields, Stage::Current).await };
        Attempt::new(2 * SECOND).run(read, "attempt:", (), Instant::now() + left).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_takes_no_longer_than_it_may() {
        let start = Instant::now();
        let error = run(Fault::Hang, 5 * SECOND).await.unwrap().unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Timeout, 2 * SECOND));
        assert!(error.counts_for_breaker());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_the_vaults_only_where_it_had_half_of_its_time() {
        let start = Instant::now();
        assert!(run(Fault::Hang, SECOND).await.is_ok());
        assert!(matches!(
            run(Fault::Hang, SECOND - Duration::from_millis(1)).await,
            Err(Failure::Refused(_))
        ));
        assert_eq!(start.elapsed(), 2 * SECOND - Duration::from_millis(1), "the deadline bounds both");
    }
}
