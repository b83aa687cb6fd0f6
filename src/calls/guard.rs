//! What holds for every call, whatever happens inside: it ends in time, ends when cancelled, and returns a result.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::error::{CallError, Code, Outcome};

/// Whether a write may have happened so far: the outcome of a call that is ended from outside.
#[derive(Debug)]
pub(super) struct OutcomeTracker(Mutex<Outcome>);

impl Default for OutcomeTracker {
    fn default() -> Self {
        Self(Mutex::new(Outcome::NotSent))
    }
}

impl OutcomeTracker {
    pub(super) fn outcome(&self) -> Outcome {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }
}

/// Runs `steps` until they end or panic, `deadline` passes, or `stop` ends, whichever comes first.
///
/// # Errors
///
/// Those of `steps`, `internal` after a panic, `upstream_timeout` at the deadline, and `cancelled` after `stop`.
pub(super) async fn guard<T>(
    steps: impl Future<Output = Result<T, CallError>>,
    tracker: &OutcomeTracker,
    deadline: Instant,
    stop: impl Future<Output = ()>,
) -> Result<T, CallError> {
    let steps = AssertUnwindSafe(steps).catch_unwind();
    tokio::select! {
        biased;
        ended = tokio::time::timeout_at(deadline, steps) => match ended {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(CallError::internal(tracker.outcome())),
            Err(_elapsed) => Err(CallError::new(
                Code::UpstreamTimeout,
                tracker.outcome(),
                "The call did not end within the time that it may take.",
            )
            .warn_if_unknown()),
        },
        () = stop => {
            Err(CallError::new(Code::Cancelled, tracker.outcome(), "The call was cancelled.").warn_if_unknown())
        }
    }
}

/// Runs `work`, of which nothing has been sent to a service.
///
/// # Errors
///
/// Those of `work`, and `internal` after a panic.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> Result<T, CallError>) -> Result<T, CallError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_panic| Err(CallError::internal(Outcome::NotSent)))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn a_panic_becomes_an_error() {
        let tracker = OutcomeTracker::default();
        let steps = async {
            tracker.set(Outcome::Unknown);
            panic!("a tool's fault")
        };
        let error = guard::<()>(steps, &tracker, soon(), pending()).await.unwrap_err();
        assert_eq!((error.code, error.outcome), (Code::Internal, Outcome::Unknown));
        assert!(!error.message.contains("fault"), "{}", error.message);
    }

    /// Some hosts show their model the text only, without `outcome`.
    #[tokio::test]
    async fn a_call_that_may_have_written_says_so_in_its_text() {
        for (outcome, says) in [(Outcome::Unknown, true), (Outcome::Rejected, false)] {
            let tracker = OutcomeTracker::default();
            tracker.set(outcome);
            let error = guard::<()>(pending(), &tracker, soon(), ready(())).await.unwrap_err();
            assert_eq!(error.message.contains("Check before retrying"), says, "{}", error.message);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_deadline() {
        let tracker = OutcomeTracker::default();
        let deadline = soon();
        let error = guard::<()>(pending(), &tracker, deadline, pending()).await.unwrap_err();
        assert_eq!((error.code, error.outcome), (Code::UpstreamTimeout, Outcome::NotSent));
        assert!(Instant::now() >= deadline);
    }

    #[tokio::test]
    async fn a_call_ends_when_it_is_cancelled() {
        let tracker = OutcomeTracker::default();
        tracker.set(Outcome::Rejected);
        let error = guard::<()>(pending(), &tracker, soon(), ready(())).await.unwrap_err();
        assert_eq!((error.code, error.outcome), (Code::Cancelled, Outcome::Rejected));
    }
}
