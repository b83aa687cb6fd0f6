//! Retry: whether a failed attempt is worth another one, and how long to pause before it.
//!
//! Whether is the error's own verdict ([`VaultError::retry`]); how often is `retries`, over all kinds together. A login
//! that ended is worth one more attempt with a new one, no second: `retries = 0` forbids that one too.

use std::time::Duration;

use cofferdam_vault::{ErrorKind, Retry as Verdict, VaultError};
use tokio::time::{Instant, sleep_until};

use super::later;

/// The first pause's upper bound: about one round trip to a vault on another continent.
const BASE: Duration = Duration::from_millis(100);

/// Every pause's upper bound. A fill has seconds, not minutes: longer outages are the breaker's.
const CAP: Duration = Duration::from_secs(1);

/// A number in 0..1 for the jitter, injected so that tests have none.
pub(super) type Jitter = fn() -> f64;

/// Why an attempt brought no secret.
#[derive(Debug)]
pub(super) enum Failure {
    /// A wall of ours let it not through, or cut it short. Another attempt would meet the same wall.
    Refused(VaultError),
    /// The vault's own answer, or its silence.
    Vault(VaultError),
}

impl Failure {
    /// The error, whoever's it is.
    pub(super) fn into_error(self) -> VaultError {
        match self {
            Self::Refused(error) | Self::Vault(error) => error,
        }
    }
}

/// Makes attempts until one succeeds or another one is not worth it.
#[derive(Debug)]
pub(super) struct Retry {
    retries: u32,
    jitter: Jitter,
}

impl Retry {
    /// At most `retries` more attempts after the first.
    pub(super) fn new(retries: u32, jitter: Jitter) -> Self {
        Self { retries, jitter }
    }

    /// The first success of `attempt`, or the last failure. No pause ends past `deadline`: where it would, the failure
    /// is answered at once, with the pause that the vault asked for. `leases` says that an attempt may create a lease.
    pub(super) async fn run<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        deadline: Instant,
        leases: bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, VaultError> {
        let mut login_renewed = false;
        let mut made = 0;
        loop {
            let error = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::Vault(error)) => error,
            };
            if made >= self.retries || (leases && may_have_leased(&error)) {
                return Err(error);
            }
            let pause = match error.retry() {
                Verdict::Never => return Err(error),
                Verdict::Once if login_renewed => return Err(error),
                Verdict::Once => {
                    login_renewed = true;
                    Duration::ZERO
                }
                Verdict::Backoff | Verdict::After(None) => self.backoff(made),
                // A little longer than asked, so that all who were told the same do not come back as one.
                Verdict::After(Some(asked)) => asked.saturating_add(self.backoff(0)),
            };
            let resume = later(Instant::now(), pause);
            if resume >= deadline {
                return Err(error);
            }
            made += 1;
            tracing::debug!(kind = %error.kind(), made, "another attempt follows");
            sleep_until(resume).await;
        }
    }

    /// Full jitter: anything between nothing and twice the last bound.
    fn backoff(&self, made: u32) -> Duration {
        BASE.saturating_mul(2_u32.saturating_pow(made)).min(CAP).mul_f64((self.jitter)())
    }
}

/// Whether an attempt that creates leases may have created one that we know nothing of: a second one would leave it
/// behind, unseen, for as long as it lasts. Only silence and a lost connection leave that open.
fn may_have_leased(error: &VaultError) -> bool {
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

    /// What came of attempts that fail with each of `errors` in turn and then succeed: the answer, how many attempts
    /// were made, and when each began.
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
                async { failure.map_or(Ok(()), |error| Err(Failure::Vault(error))) }
            })
            .await;
        (answer.map_err(|error| error.kind()), begun.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_out_of_reach_is_tried_again_with_growing_pauses() {
        let errors = vec![vault(ErrorKind::Unavailable); 6];
        let (answer, begun) = run(Retry::new(6, FULL), 60_000, errors).await;
        assert_eq!(answer, Ok(()));
        assert_eq!(begun, [0, 100, 300, 700, 1500, 2500, 3500]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_attempts_are_made_than_allowed() {
        for retries in [0, 1, 2] {
            let errors = vec![vault(ErrorKind::Timeout); 9];
            let (answer, begun) = run(Retry::new(retries, FULL), 60_000, errors).await;
            assert_eq!(answer, Err(ErrorKind::Timeout));
            assert_eq!(begun.len(), retries as usize + 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_fail_the_same_way_is_not_tried_again() {
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
    async fn a_busy_vault_is_left_alone_for_as_long_as_it_asks() {
        let busy = |pause| vault(ErrorKind::Throttled).with_retry_after(pause);
        let (answer, begun) =
            run(Retry::new(2, FULL), 5000, vec![busy(Some(Duration::from_secs(2))), busy(None)]).await;
        assert_eq!((answer, begun), (Ok(()), vec![0, 2100, 2300]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_past_the_deadline_fails_at_once_and_names_the_pause() {
        let start = Instant::now();
        let asked = Some(Duration::from_secs(30));
        let busy = vault(ErrorKind::Throttled).with_retry_after(asked);
        let error = Retry::new(2, FULL)
            .run(start + Duration::from_secs(5), false, || async {
                Err::<(), _>(Failure::Vault(busy.clone()))
            })
            .await
            .unwrap_err();
        assert_eq!(error.retry_after(), asked);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_may_have_made_a_lease_is_not_repeated_blindly() {
        for (kind, attempts) in [
            (ErrorKind::Timeout, 1),
            (ErrorKind::Unavailable, 1),
            // A refused login, or a request turned away unread, made nothing.
            (ErrorKind::Unauthenticated, 2),
            (ErrorKind::Throttled, 2),
        ] {
            let made = Cell::new(0);
            let answer = Retry::new(1, FULL)
                .run(Instant::now() + Duration::from_secs(5), true, || {
                    made.set(made.get() + 1);
                    async { Err::<(), _>(Failure::Vault(vault(kind))) }
                })
                .await;
            assert_eq!((answer.unwrap_err().kind(), made.get()), (kind, attempts));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_that_refuses_is_not_asked_again() {
        let asked = Cell::new(0);
        let answer = Retry::new(2, FULL)
            .run(Instant::now() + Duration::from_secs(5), false, || {
                asked.set(asked.get() + 1);
                async { Err::<(), _>(Failure::Refused(vault(ErrorKind::Unavailable))) }
            })
            .await;
        assert!(answer.is_err());
        assert_eq!(asked.get(), 1);
    }
}
