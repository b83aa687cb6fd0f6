//! Retries: whether a failed attempt is repeated, and after which pause.
//!
//! The error decides whether ([`VaultError::retry`]); `retries` limits how often, over all kinds of errors together. An
//! expired login is worth one attempt with a new login, and no second; `retries = 0` disables that one too.

use std::time::Duration;

use cofferdam_vault::{ErrorKind, Retry as Verdict, VaultError};
use tokio::time::{Instant, sleep_until};

use super::error::AttemptError;
use crate::broker::compartment::timing::{Jitter, saturating_add};

/// Upper bound of the first pause: about one round trip to a vault on another continent.
const BASE: Duration = Duration::from_millis(100);

/// Upper bound of every pause. A read has seconds, not minutes; longer outages are the breaker's.
const CAP: Duration = Duration::from_secs(1);

/// Repeats attempts until one succeeds or a retry is not worthwhile.
#[derive(Debug)]
pub(crate) struct Retry {
    retries: u32,
    jitter: Jitter,
}

impl Retry {
    /// At most `retries` attempts after the first.
    pub(crate) fn new(retries: u32, jitter: Jitter) -> Self {
        Self { retries, jitter }
    }

    /// Returns the first success of `attempt`, or the last failure.
    ///
    /// `creates_lease` says that an attempt may create a lease. Such an attempt is not repeated if the first one may have
    /// succeeded.
    ///
    /// # Errors
    ///
    /// The error of the last attempt. A pause that would end after `deadline` is not started: its error is returned at once
    /// and carries the pause that the vault asked for.
    pub(crate) async fn run<T, F: Future<Output = Result<T, AttemptError>>>(
        &self,
        deadline: Instant,
        creates_lease: bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, VaultError> {
        let mut logged_in_again = false;
        let mut retries = 0;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(AttemptError::Local(error)) => return Err(error),
                Err(AttemptError::Vault(error)) => error,
            };
            if retries >= self.retries || (creates_lease && may_have_created_lease(&error)) {
                return Err(error);
            }
            let pause = match error.retry() {
                Verdict::Never => return Err(error),
                Verdict::Once if logged_in_again => return Err(error),
                Verdict::Once => {
                    logged_in_again = true;
                    Duration::ZERO
                }
                Verdict::Backoff | Verdict::After(None) => self.backoff(retries),
                // A little longer than asked, so that clients with the same retry-after do not return together.
                Verdict::After(Some(asked)) => asked.saturating_add(self.backoff(0)),
            };
            let resume = saturating_add(Instant::now(), pause);
            if resume >= deadline {
                return Err(error);
            }
            retries += 1;
            tracing::debug!(kind = %error.kind(), retries, "retrying");
            sleep_until(resume).await;
        }
    }

    /// Exponential backoff with full jitter: between zero and `BASE * 2^retries`, capped.
    fn backoff(&self, retries: u32) -> Duration {
        BASE.saturating_mul(2_u32.saturating_pow(retries)).min(CAP).mul_f64((self.jitter)())
    }
}

/// Whether a failed attempt may have created a lease whose id is lost. A retry would create a second one, and the first
/// would last unused for its whole duration. Only a timeout or a lost connection leaves this open.
fn may_have_created_lease(error: &VaultError) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const FULL: Jitter = || 1.0;

    fn vault(kind: ErrorKind) -> VaultError {
        VaultError::vault(kind, "on purpose")
    }

    /// Runs attempts that fail with each of `errors` in turn and then succeed. Returns the result and when each attempt
    /// began, in milliseconds.
    async fn run(
        retry: Retry,
        deadline_ms: u64,
        errors: Vec<VaultError>,
    ) -> (Result<(), ErrorKind>, Vec<u64>) {
        let start = Instant::now();
        let errors = RefCell::new(errors.into_iter());
        let begun = RefCell::new(Vec::new());
        let answer = retry
            .run(start + Duration::from_millis(deadline_ms), false, || {
                begun.borrow_mut().push(start.elapsed().as_millis() as u64);
                let failure = errors.borrow_mut().next();
                async { failure.map_or(Ok(()), |error| Err(AttemptError::Vault(error))) }
            })
            .await;
        (answer.map_err(|error| error.kind()), begun.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_vault_is_retried_with_growing_pauses() {
        let errors = vec![vault(ErrorKind::Unavailable); 6];
        let (answer, begun) = run(Retry::new(6, FULL), 60_000, errors).await;
        assert_eq!(answer, Ok(()));
        assert_eq!(begun, [0, 100, 300, 700, 1500, 2500, 3500]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_retries_are_made_than_allowed() {
        for retries in [0, 1, 2] {
            let errors = vec![vault(ErrorKind::Timeout); 9];
            let (answer, begun) = run(Retry::new(retries, FULL), 60_000, errors).await;
            assert_eq!(answer, Err(ErrorKind::Timeout));
            assert_eq!(begun.len(), retries as usize + 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_would_repeat_is_not_retried() {
        let hopeless = [
            VaultError::secret(ErrorKind::NotFound, "on purpose"),
            VaultError::secret(ErrorKind::Denied, "on purpose"),
            VaultError::secret(ErrorKind::Malformed, "on purpose"),
            vault(ErrorKind::Malformed),
            vault(ErrorKind::Misconfigured),
        ];
        for error in hopeless {
            let kind = error.kind();
            let (answer, begun) = run(Retry::new(2, FULL), 60_000, vec![error]).await;
            assert_eq!((answer, begun.len()), (Err(kind), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_is_renewed_once_and_at_once() {
        let refused = || vault(ErrorKind::Unauthenticated);
        let (answer, begun) = run(Retry::new(2, FULL), 60_000, vec![refused()]).await;
        assert_eq!((answer, begun), (Ok(()), vec![0, 0]));
        let (answer, begun) = run(Retry::new(2, FULL), 60_000, vec![refused(), refused()]).await;
        assert_eq!((answer, begun), (Err(ErrorKind::Unauthenticated), vec![0, 0]));
        let (_, begun) = run(Retry::new(0, FULL), 60_000, vec![refused()]).await;
        assert_eq!(begun, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttling_vault_gets_the_pause_that_it_asks_for() {
        let busy = |pause| vault(ErrorKind::Throttled).with_retry_after(pause);
        let (answer, begun) =
            run(Retry::new(2, FULL), 5000, vec![busy(Some(Duration::from_secs(2))), busy(None)]).await;
        assert_eq!((answer, begun), (Ok(()), vec![0, 2100, 2300]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_past_the_deadline_fails_at_once_and_returns_the_pause() {
        let start = Instant::now();
        let asked = Some(Duration::from_secs(30));
        let busy = vault(ErrorKind::Throttled).with_retry_after(asked);
        let error = Retry::new(2, FULL)
            .run(start + Duration::from_secs(5), false, || async {
                Err::<(), _>(AttemptError::Vault(busy.clone()))
            })
            .await
            .unwrap_err();
        assert_eq!(error.retry_after(), asked);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_may_have_created_a_lease_is_not_retried() {
        for (kind, attempts) in [
            (ErrorKind::Timeout, 1),
            (ErrorKind::Unavailable, 1),
            // A rejected login or a throttled request created nothing.
            (ErrorKind::Unauthenticated, 2),
            (ErrorKind::Throttled, 2),
        ] {
            let made = Cell::new(0);
            let answer = Retry::new(1, FULL)
                .run(Instant::now() + Duration::from_secs(5), true, || {
                    made.set(made.get() + 1);
                    async { Err::<(), _>(AttemptError::Vault(vault(kind))) }
                })
                .await;
            assert_eq!((answer.unwrap_err().kind(), made.get()), (kind, attempts));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_local_error_is_not_retried() {
        let asked = Cell::new(0);
        let answer = Retry::new(2, FULL)
            .run(Instant::now() + Duration::from_secs(5), false, || {
                asked.set(asked.get() + 1);
                async { Err::<(), _>(AttemptError::Local(vault(ErrorKind::Unavailable))) }
            })
            .await;
        assert!(answer.is_err());
        assert_eq!(asked.get(), 1);
    }
}
