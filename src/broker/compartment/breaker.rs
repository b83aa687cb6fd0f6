//! The breaker: gives the vault up after `failures` failures within `window`, and lets nothing through until a probe
//! has found it well.
//!
//! - **What counts** is the error's own verdict ([`VaultError::counts_for_breaker`]). An answer about one secret, "not
//!   found" included, shows that the vault is well. "Come back later" says neither.
//! - **A success clears the count.** The breaker asks whether the vault is out of reach, not how often it stumbles:
//!   counting stumbles alone would give up a busy vault that answers all but one call in a thousand.
//! - **Open lets nothing through.** Calls do not test the vault, probes do (see [`probe`](super::probe)).
//! - **Closed by a probe is closed on trial.** A probe reads no secret, so it may succeed while reads fail. Until the
//!   first read succeeds, one failure opens the breaker again: a flapping vault costs one failed call an interval.
//! - **Late answers do not count.** An attempt carries a [`Pass`] of the period in which it was let through. When it
//!   ends in another period, it says nothing about this one.
//! - **The first failure is a doubt already.** It takes `failures` of them to give the vault up, and a caller who could be
//!   served from the cache has no reason to wait until then: see [`Standing`].

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cofferdam_vault::{ErrorKind, VaultError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::retry::Failure;
use super::{BreakerPolicy, CompartmentPolicy, later, refusal};

/// Decides whether the vault is asked at all.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    window: Duration,
    period: Mutex<Period>,
    /// Told of everything that may change the standing for the worse.
    worsened: watch::Sender<()>,
}

/// How long a vault that is too busy is left alone where it does not say how long: what a caller may be served from the
/// cache is not asked of it meanwhile.
const BUSY: Duration = Duration::from_secs(1);

/// What the last attempts say to a caller who could be served from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The vault answers: its answer is worth waiting for.
    Good,
    /// Nothing is known to work since the last failure: worth another attempt, and not worth waiting for.
    Doubtful,
    /// Given up, or too busy: not to be asked now.
    Shut,
}

/// The time between two changes.
#[derive(Debug)]
struct Period {
    /// Counts up, so that an attempt knows whether it ends in the period it began in.
    number: u64,
    since: Moment,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Closed {
        /// When the failures since the last success came, oldest first; never more than it takes to open.
        failures: VecDeque<Instant>,
        on_trial: bool,
        /// When a vault that is too busy may be asked again for what the cache has.
        busy_until: Option<Instant>,
    },
    Open {
        reason: VaultError,
    },
}

/// A moment on both clocks: ages are reckoned on the one, people read the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// On the clock that never jumps.
    pub(super) instant: Instant,
    /// On the wall.
    pub(super) system: SystemTime,
}

impl Moment {
    fn now() -> Self {
        Self { instant: Instant::now(), system: SystemTime::now() }
    }
}

/// Leave to ask the vault, given in one period.
#[derive(Debug)]
pub(super) struct Pass(u64);

/// How the breaker is.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Since when.
    pub(super) since: Moment,
    /// Why it is open; `None` where it is closed.
    pub(super) open: Option<VaultError>,
}

impl Breaker {
    /// A closed breaker.
    ///
    /// The window has room for as many failing reads as it takes, one after the other: in a shorter one, a vault that
    /// hangs would never be given up by a caller who is alone with it.
    pub(super) fn new(walls: &CompartmentPolicy) -> Self {
        let BreakerPolicy { failures, window } = walls.breaker;
        let window = window.max(walls.deadline.saturating_mul(failures));
        let phase = Phase::closed(false);
        let period = Period { number: 0, since: Moment::now(), phase };
        Self { failures, window, period: Mutex::new(period), worsened: watch::Sender::new(()) }
    }

    /// Leave to ask the vault, or why there is none.
    pub(super) fn admit(&self) -> Result<Pass, Failure> {
        let period = self.lock();
        match &period.phase {
            Phase::Closed { .. } => Ok(Pass(period.number)),
            Phase::Open { reason } => Err(Failure::Refused(given_up(reason))),
        }
    }

    /// Why there is no leave any more; answers when the breaker opens, and not before.
    pub(super) async fn opened(&self) -> Failure {
        let mut worsened = self.worsened.subscribe();
        loop {
            if let Err(refused) = self.admit() {
                return refused;
            }
            // The sender lives as long as `self`.
            let _ = worsened.changed().await;
        }
    }

    /// What the last attempts say.
    ///
    /// A doubt lasts for the breaker's window: an older failure says nothing about now.
    pub(super) fn standing(&self) -> Standing {
        let now = Instant::now();
        match &self.lock().phase {
            Phase::Open { .. } => Standing::Shut,
            Phase::Closed { busy_until: Some(until), .. } if now < *until => Standing::Shut,
            Phase::Closed { on_trial: true, .. } => Standing::Doubtful,
            Phase::Closed { failures, .. } => match failures.back() {
                Some(&last) if now.duration_since(last) < self.window => Standing::Doubtful,
                _ => Standing::Good,
            },
        }
    }

    /// Answers as soon as the standing is not good.
    pub(super) async fn doubted(&self) {
        let mut worsened = self.worsened.subscribe();
        while self.standing() == Standing::Good {
            // The sender lives as long as `self`.
            let _ = worsened.changed().await;
        }
    }

    /// Takes in how an attempt ended: `None` for a secret, else the vault's error. Answers whether this opened the breaker.
    #[must_use]
    pub(super) fn record(&self, pass: Pass, error: Option<&VaultError>) -> bool {
        let mut period = self.lock();
        if period.number != pass.0 {
            return false;
        }
        let Phase::Closed { failures, on_trial, busy_until } = &mut period.phase else { return false };
        match error {
            Some(error) if error.counts_for_breaker() => {
                let now = Instant::now();
                failures.push_back(now);
                while failures.front().is_some_and(|&at| now.duration_since(at) >= self.window) {
                    failures.pop_front();
                }
                let enough = *on_trial || failures.len() >= self.failures as usize;
                if enough {
                    self.enter(&mut period, Phase::Open { reason: error.clone() });
                }
                self.worsened.send_replace(());
                enough
            }
            Some(error) if error.kind() == ErrorKind::Throttled => {
                *busy_until = Some(later(Instant::now(), error.retry_after().unwrap_or(BUSY)));
                self.worsened.send_replace(());
                false
            }
            Some(_) | None => {
                failures.clear();
                *on_trial = false;
                *busy_until = None;
                false
            }
        }
    }

    /// Opens without counting, for a probe at start that failed. Answers whether this opened the breaker.
    #[must_use]
    pub(super) fn open(&self, reason: VaultError) -> bool {
        let mut period = self.lock();
        let closed = matches!(period.phase, Phase::Closed { .. });
        if closed {
            self.enter(&mut period, Phase::Open { reason });
            self.worsened.send_replace(());
        }
        closed
    }

    /// Names the newest reason of an open breaker.
    pub(super) fn still_open(&self, newest: VaultError) {
        if let Phase::Open { reason } = &mut self.lock().phase {
            *reason = newest;
        }
    }

    /// Closes on trial, after a probe that found the vault well.
    pub(super) fn close(&self) {
        let mut period = self.lock();
        if matches!(period.phase, Phase::Open { .. }) {
            self.enter(&mut period, Phase::closed(true));
        }
    }

    /// How the breaker is.
    pub(super) fn snapshot(&self) -> Snapshot {
        let period = self.lock();
        let open = match &period.phase {
            Phase::Closed { .. } => None,
            Phase::Open { reason } => Some(reason.clone()),
        };
        Snapshot { since: period.since, open }
    }

    fn enter(&self, period: &mut Period, phase: Phase) {
        *period = Period { number: period.number + 1, since: Moment::now(), phase };
    }

    fn lock(&self) -> MutexGuard<'_, Period> {
        self.period.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Phase {
    fn closed(on_trial: bool) -> Self {
        Self::Closed { failures: VecDeque::new(), on_trial, busy_until: None }
    }
}

fn given_up(reason: &VaultError) -> VaultError {
    refusal(format!("given up until a probe finds it well: {}", reason.message()))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn breaker() -> Breaker {
        let breaker = BreakerPolicy { failures: 3, window: Duration::from_secs(10) };
        Breaker::new(&CompartmentPolicy {
            breaker,
            deadline: Duration::from_secs(1),
            ..CompartmentPolicy::default()
        })
    }

    fn fault() -> VaultError {
        VaultError::vault(ErrorKind::Unavailable, "on purpose")
    }

    fn end(breaker: &Breaker, error: Option<&VaultError>) -> bool {
        breaker.record(breaker.admit().unwrap(), error)
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_at_the_last_failure_that_it_takes_and_lets_nothing_through() {
        let breaker = breaker();
        assert!(!end(&breaker, Some(&fault())));
        assert!(!end(&breaker, Some(&fault())));
        assert!(breaker.snapshot().open.is_none());
        assert!(end(&breaker, Some(&fault())), "the third opens it");
        assert_eq!(breaker.snapshot().open, Some(fault()));
        assert!(matches!(breaker.admit(), Err(Failure::Refused(_))));
        advance(Duration::from_secs(3600)).await;
        assert!(breaker.admit().is_err(), "time alone closes nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_outside_the_window_do_not_count() {
        let breaker = breaker();
        for _ in 0..20 {
            assert!(!end(&breaker, Some(&fault())));
            advance(Duration::from_secs(5)).await;
        }
        assert!(!end(&breaker, Some(&fault())));
        assert!(end(&breaker, Some(&fault())), "the failure 5 s ago and these two are three within 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_clears_the_count_and_so_does_an_answer_about_one_secret() {
        let absent = VaultError::secret(ErrorKind::NotFound, "on purpose");
        for well in [None, Some(&absent)] {
            let breaker = breaker();
            for _ in 0..10 {
                assert!(!end(&breaker, Some(&fault())));
                assert!(!end(&breaker, Some(&fault())));
                assert!(!end(&breaker, well));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn being_busy_neither_counts_nor_clears() {
        let breaker = breaker();
        let busy = VaultError::vault(ErrorKind::Throttled, "on purpose");
        for _ in 0..10 {
            assert!(!end(&breaker, Some(&busy)));
        }
        assert!(!end(&breaker, Some(&fault())));
        assert!(!end(&breaker, Some(&fault())));
        assert!(!end(&breaker, Some(&busy)));
        assert!(end(&breaker, Some(&fault())));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_an_earlier_period_counts_for_nothing() {
        let breaker = breaker();
        let late: Vec<Pass> = (0..9).map(|_| breaker.admit().unwrap()).collect();
        assert!(breaker.open(fault()));
        let mut late = late.into_iter();
        assert!(!breaker.record(late.next().unwrap(), None));
        assert!(breaker.admit().is_err(), "a late success does not close it");
        breaker.close();
        assert!(!breaker.record(late.next().unwrap(), Some(&fault())), "nor does a late failure open it");
        assert!(!breaker.record(late.next().unwrap(), None));
        assert!(end(&breaker, Some(&fault())), "nor does a late success end the trial");
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_on_trial_opens_it_again_and_one_success_ends_the_trial() {
        let breaker = breaker();
        assert!(breaker.open(fault()));
        breaker.close();
        assert!(end(&breaker, Some(&fault())));
        breaker.close();
        assert!(!end(&breaker, None));
        assert!(!end(&breaker, Some(&fault())));
        assert!(!end(&breaker, Some(&fault())));
        assert!(end(&breaker, Some(&fault())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_a_doubt_until_a_success_or_until_it_is_old() {
        let breaker = breaker();
        assert_eq!(breaker.standing(), Standing::Good);
        assert!(!end(&breaker, Some(&fault())));
        assert_eq!(breaker.standing(), Standing::Doubtful);
        assert!(!end(&breaker, None));
        assert_eq!(breaker.standing(), Standing::Good);
        assert!(!end(&breaker, Some(&fault())));
        advance(Duration::from_secs(10)).await;
        assert_eq!(breaker.standing(), Standing::Good);
        assert!(breaker.open(fault()));
        assert_eq!(breaker.standing(), Standing::Shut);
        breaker.close();
        advance(Duration::from_secs(3600)).await;
        assert_eq!(breaker.standing(), Standing::Doubtful, "on trial, however long");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_queues_hears_that_it_opened() {
        let breaker = std::sync::Arc::new(breaker());
        let queued = tokio::spawn({
            let breaker = std::sync::Arc::clone(&breaker);
            async move { breaker.opened().await }
        });
        advance(Duration::from_secs(1)).await;
        assert!(!queued.is_finished());
        assert!(breaker.open(fault()));
        assert!(!breaker.open(fault()), "it is open already");
        assert!(matches!(queued.await.unwrap(), Failure::Refused(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_reason_is_the_one_that_is_told() {
        let breaker = breaker();
        assert!(breaker.open(fault()));
        let since = breaker.snapshot().since.instant;
        advance(Duration::from_secs(5)).await;
        let sealed = VaultError::vault(ErrorKind::Unavailable, "sealed");
        breaker.still_open(sealed.clone());
        assert_eq!(breaker.snapshot().open, Some(sealed));
        assert_eq!(breaker.snapshot().since.instant, since);
    }
}
