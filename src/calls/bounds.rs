//! What holds for every call, whatever fails inside: it ends in time, when it is told to, and with an answer.

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::{CallError, Code, Outcome};

/// Whether a write may have happened by now, for the outcome of a call that is ended from outside.
#[derive(Debug)]
pub(super) struct Progress(Mutex<Outcome>);

impl Default for Progress {
    fn default() -> Self {
        Self(Mutex::new(Outcome::NotSent))
    }
}

impl Progress {
    pub(super) fn outcome(&self) -> Outcome {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known from now on.
    pub(super) fn now(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }
}

/// Runs `steps` until they are done, panic, `deadline` has passed or `stop` ends, whichever comes first.
pub(super) async fn bounded<T>(
    steps: impl Future<Output = Result<T, CallError>>,
    progress: &Progress,
    deadline: Instant,
    stop: impl Future<Output = ()>,
) -> Result<T, CallError> {
    let steps = AssertUnwindSafe(steps).catch_unwind();
    tokio::select! {
        biased;
        ended = tokio::time::timeout_at(deadline, steps) => match ended {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(CallError::internal(progress.outcome())),
            Err(_elapsed) => Err(CallError::new(
                Code::UpstreamTimeout,
                progress.outcome(),
                "No answer within the time a call may take.",
            )
            .or_done()),
        },
        () = stop => {
            Err(CallError::new(Code::Cancelled, progress.outcome(), "The call was cancelled.").or_done())
        }
    }
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
    async fn a_panic_is_answered() {
        let progress = Progress::default();
        let steps = async {
            progress.now(Outcome::Unknown);
            panic!("a tool's fault")
        };
        let error = bounded::<()>(steps, &progress, soon(), pending()).await.unwrap_err();
        assert_eq!((error.code, error.outcome), (Code::Internal, Outcome::Unknown));
        assert!(!error.message.contains("fault"), "{}", error.message);
    }

    /// Hosts that pass on the text alone know nothing of `outcome`.
    #[tokio::test]
    async fn a_call_that_may_have_written_says_so_in_its_text() {
        for (outcome, says) in [(Outcome::Unknown, true), (Outcome::Rejected, false)] {
            let progress = Progress::default();
            progress.now(outcome);
            let error = bounded::<()>(pending(), &progress, soon(), ready(())).await.unwrap_err();
            assert_eq!(error.message.contains("look before you try again"), says, "{}", error.message);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_deadline() {
        let progress = Progress::default();
        let deadline = soon();
        let error = bounded::<()>(pending(), &progress, deadline, pending()).await.unwrap_err();
        assert_eq!((error.code, error.outcome), (Code::UpstreamTimeout, Outcome::NotSent));
        assert!(Instant::now() >= deadline);
    }

    #[tokio::test]
    async fn a_call_ends_when_it_is_told_to() {
        let progress = Progress::default();
        progress.now(Outcome::Rejected);
        let error = bounded::<()>(pending(), &progress, soon(), ready(())).await.unwrap_err();
        assert_eq!((error.code, error.outcome), (Code::Cancelled, Outcome::Rejected));
    }
}
