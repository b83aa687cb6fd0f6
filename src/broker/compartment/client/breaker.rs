//! The circuit breaker: stops calls to a vault that keeps failing, until a probe succeeds.
//!
//! The states are the textbook ones:
//!
//! ```text
//! closed ── `failures` failures within `window` ──> open ── probe succeeds ──> half-open ── read succeeds ──> closed
//!                                                     ^                            │
//!                                                     └────────── one failure ─────┘
//! ```
//!
//! Where this breaker differs from a textbook one, and why:
//!
//! - **The error decides what counts** ([`VaultError::counts_for_breaker`]). An error about one secret, "not found"
//!   included, proves that the vault works and counts as a success. Throttling counts as neither.
//! - **A success clears the count.** The breaker detects an unreachable vault, not a failure rate: by rate alone, a busy
//!   vault that serves all but one call in a thousand would be cut off.
//! - **Open admits nothing.** Time alone does not close the circuit, and calls do not test the vault. Probes do.
//! - **Half-open admits every call.** A probe reads no secret, so it may succeed while reads fail. The first failed read
//!   opens the circuit again: a flapping vault costs one failed call per probe interval.
//! - **Late results do not count.** An attempt carries the [`Pass`] of the epoch in which it was admitted. A result from an
//!   earlier epoch says nothing about the current one.
//! - **The first failure already makes the vault suspect.** Callers with a cached secret do not wait until the circuit
//!   opens: see [`Health`].

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cofferdam_vault::{ErrorKind, VaultError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::error::AttemptError;
use crate::broker::compartment::policy::{BreakerPolicy, CompartmentPolicy};
use crate::broker::compartment::timing::saturating_add;

/// How long callers with a cached secret do not use a vault that throttles without a retry-after.
const THROTTLE_PAUSE: Duration = Duration::from_secs(1);

/// What the last attempts say about the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// The vault responds.
    Healthy,
    /// An attempt failed recently and none has succeeded since. Callers with a cached secret do not wait for the vault.
    Suspect,
    /// The circuit is open, or the vault throttles. Callers with a cached secret do not ask the vault.
    Open,
}

/// Decides whether an attempt may reach the vault.
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    probe_interval: Duration,
    circuit: Mutex<Circuit>,
    /// Notified when the health may have become worse.
    worsened: watch::Sender<()>,
}

#[derive(Debug)]
struct Circuit {
    state: State,
    /// Counts the times that the circuit has opened or stopped being open.
    epoch: u64,
    /// When the epoch began.
    since: Timestamp,
    /// Until when callers with a cached secret do not use a throttling vault.
    throttled_until: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// Holds the times of the failures since the last success, oldest first.
    Closed {
        failures: VecDeque<Instant>,
    },
    /// A probe has succeeded, but no read yet.
    HalfOpen,
    Open {
        reason: VaultError,
    },
}

/// One point in time on both clocks: the monotonic one for durations, the system clock for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timestamp {
    pub(crate) instant: Instant,
    pub(crate) system: SystemTime,
}

impl Timestamp {
    fn now() -> Self {
        Self { instant: Instant::now(), system: SystemTime::now() }
    }
}

/// Permission for one attempt, valid for the epoch in which it was granted.
#[derive(Debug)]
pub(crate) struct Pass {
    epoch: u64,
}

/// A snapshot of the circuit.
#[derive(Debug)]
pub(crate) struct CircuitStatus {
    /// When the circuit last opened, or last stopped being open.
    pub(crate) since: Timestamp,
    /// Why the circuit is open. `None` if it is closed or half-open.
    pub(crate) open: Option<VaultError>,
}

impl Breaker {
    /// A closed breaker.
    ///
    /// The window is at least as long as `failures` reads that fail one after the other. With a shorter one, the circuit of a
    /// vault that hangs would never open for a single caller.
    pub(crate) fn new(policy: &CompartmentPolicy) -> Self {
        let BreakerPolicy { failures, window } = policy.breaker;
        let window = window.max(policy.deadline.saturating_mul(failures));
        let circuit =
            Circuit { state: State::closed(), epoch: 0, since: Timestamp::now(), throttled_until: None };
        Self {
            policy: BreakerPolicy { failures, window },
            probe_interval: policy.probe_interval,
            circuit: Mutex::new(circuit),
            worsened: watch::Sender::new(()),
        }
    }

    /// Admits an attempt unless the circuit is open.
    pub(crate) fn admit(&self) -> Result<Pass, AttemptError> {
        let circuit = self.lock();
        match &circuit.state {
            State::Closed { .. } | State::HalfOpen => Ok(Pass { epoch: circuit.epoch }),
            State::Open { reason } => Err(self.circuit_open(reason)),
        }
    }

    /// Waits until the circuit is open and returns the error of [`Breaker::admit`].
    pub(crate) async fn opened(&self) -> AttemptError {
        let mut worsened = self.worsened.subscribe();
        loop {
            if let Err(error) = self.admit() {
                return error;
            }
            // The sender lives as long as `self`.
            let _ = worsened.changed().await;
        }
    }

    /// The health of the vault. A failure makes it suspect for the length of the window.
    pub(crate) fn health(&self) -> Health {
        let now = Instant::now();
        let circuit = self.lock();
        let throttled = circuit.throttled_until.is_some_and(|until| now < until);
        match &circuit.state {
            State::Open { .. } => Health::Open,
            State::Closed { .. } | State::HalfOpen if throttled => Health::Open,
            State::HalfOpen => Health::Suspect,
            State::Closed { failures } => match failures.back() {
                Some(&last) if now.duration_since(last) < self.policy.window => Health::Suspect,
                _ => Health::Healthy,
            },
        }
    }

    /// Waits until the vault is not healthy.
    pub(crate) async fn unhealthy(&self) {
        let mut worsened = self.worsened.subscribe();
        while self.health() == Health::Healthy {
            // The sender lives as long as `self`.
            let _ = worsened.changed().await;
        }
    }

    /// Records the result of an attempt: `None` for a success. Returns whether it opened the circuit.
    #[must_use]
    pub(crate) fn record(&self, pass: Pass, error: Option<&VaultError>) -> bool {
        let mut circuit = self.lock();
        if circuit.epoch != pass.epoch {
            return false;
        }
        match error {
            Some(error) if error.counts_for_breaker() => {
                let opens = self.count_failure(&mut circuit.state);
                if opens {
                    circuit.enter(State::Open { reason: error.clone() });
                }
                self.worsened.send_replace(());
                opens
            }
            Some(error) if error.kind() == ErrorKind::Throttled => {
                let pause = error.retry_after().unwrap_or(THROTTLE_PAUSE);
                circuit.throttled_until = Some(saturating_add(Instant::now(), pause));
                self.worsened.send_replace(());
                false
            }
            Some(_) | None => {
                circuit.record_success();
                false
            }
        }
    }

    /// Opens the circuit without counting, for a first probe that failed. Returns whether this opened it.
    #[must_use]
    pub(crate) fn open(&self, reason: VaultError) -> bool {
        let mut circuit = self.lock();
        if matches!(circuit.state, State::Open { .. }) {
            return false;
        }
        circuit.enter(State::Open { reason });
        self.worsened.send_replace(());
        true
    }

    /// Replaces the reason of an open circuit.
    pub(crate) fn update_reason(&self, newest: VaultError) {
        if let State::Open { reason } = &mut self.lock().state {
            *reason = newest;
        }
    }

    /// Makes an open circuit half-open, after a probe that succeeded.
    pub(crate) fn half_open(&self) {
        let mut circuit = self.lock();
        if matches!(circuit.state, State::Open { .. }) {
            circuit.enter(State::HalfOpen);
        }
    }

    /// A snapshot of the circuit.
    pub(crate) fn status(&self) -> CircuitStatus {
        let circuit = self.lock();
        let open = match &circuit.state {
            State::Closed { .. } | State::HalfOpen => None,
            State::Open { reason } => Some(reason.clone()),
        };
        CircuitStatus { since: circuit.since, open }
    }

    /// Counts a failure. Returns whether it opens the circuit.
    fn count_failure(&self, state: &mut State) -> bool {
        match state {
            State::Closed { failures } => {
                let now = Instant::now();
                failures.push_back(now);
                while failures.front().is_some_and(|&at| now.duration_since(at) >= self.policy.window) {
                    failures.pop_front();
                }
                failures.len() >= self.policy.failures as usize
            }
            State::HalfOpen => true,
            State::Open { .. } => false,
        }
    }

    fn circuit_open(&self, reason: &VaultError) -> AttemptError {
        AttemptError::local(format!(
            "circuit open: {}; checked again every {:?}",
            reason.message(),
            self.probe_interval
        ))
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    /// Begins a new epoch in `state`.
    fn enter(&mut self, state: State) {
        *self = Self { state, epoch: self.epoch + 1, since: Timestamp::now(), throttled_until: None };
    }

    fn record_success(&mut self) {
        match &mut self.state {
            State::Closed { failures } => failures.clear(),
            // The epoch goes on: results of other attempts since the probe still count.
            State::HalfOpen => self.state = State::closed(),
            State::Open { .. } => return,
        }
        self.throttled_until = None;
    }
}

impl State {
    fn closed() -> Self {
        Self::Closed { failures: VecDeque::new() }
    }
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
    async fn it_opens_at_the_configured_failure_and_admits_nothing() {
        let breaker = breaker();
        assert!(!end(&breaker, Some(&fault())));
        assert!(!end(&breaker, Some(&fault())));
        assert!(breaker.status().open.is_none());
        assert!(end(&breaker, Some(&fault())), "the third opens it");
        assert_eq!(breaker.status().open, Some(fault()));
        assert!(matches!(breaker.admit(), Err(AttemptError::Local(_))));
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
    async fn a_success_or_an_error_of_one_secret_clears_the_count() {
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
    async fn throttling_neither_counts_nor_clears() {
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
    async fn a_result_of_an_earlier_epoch_does_not_count() {
        let breaker = breaker();
        let late: Vec<Pass> = (0..9).map(|_| breaker.admit().unwrap()).collect();
        assert!(breaker.open(fault()));
        let mut late = late.into_iter();
        assert!(!breaker.record(late.next().unwrap(), None));
        assert!(breaker.admit().is_err(), "a late success does not close it");
        breaker.half_open();
        assert!(!breaker.record(late.next().unwrap(), Some(&fault())), "nor does a late failure open it");
        assert!(!breaker.record(late.next().unwrap(), None));
        assert!(end(&breaker, Some(&fault())), "nor does a late success close a half-open circuit");
    }

    #[tokio::test(start_paused = true)]
    async fn half_open_one_failure_opens_the_circuit_and_one_success_closes_it() {
        let breaker = breaker();
        assert!(breaker.open(fault()));
        breaker.half_open();
        assert!(end(&breaker, Some(&fault())));
        breaker.half_open();
        assert!(!end(&breaker, None));
        assert!(!end(&breaker, Some(&fault())));
        assert!(!end(&breaker, Some(&fault())));
        assert!(end(&breaker, Some(&fault())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_makes_the_vault_suspect_until_a_success_or_for_one_window() {
        let breaker = breaker();
        assert_eq!(breaker.health(), Health::Healthy);
        assert!(!end(&breaker, Some(&fault())));
        assert_eq!(breaker.health(), Health::Suspect);
        assert!(!end(&breaker, None));
        assert_eq!(breaker.health(), Health::Healthy);
        assert!(!end(&breaker, Some(&fault())));
        advance(Duration::from_secs(10)).await;
        assert_eq!(breaker.health(), Health::Healthy);
        assert!(breaker.open(fault()));
        assert_eq!(breaker.health(), Health::Open);
        breaker.half_open();
        advance(Duration::from_secs(3600)).await;
        assert_eq!(breaker.health(), Health::Suspect, "half-open, however long");
    }

    #[tokio::test(start_paused = true)]
    async fn a_queued_attempt_fails_when_the_circuit_opens() {
        let breaker = std::sync::Arc::new(breaker());
        let queued = tokio::spawn({
            let breaker = std::sync::Arc::clone(&breaker);
            async move { breaker.opened().await }
        });
        advance(Duration::from_secs(1)).await;
        assert!(!queued.is_finished());
        assert!(breaker.open(fault()));
        assert!(!breaker.open(fault()), "it is open already");
        assert!(matches!(queued.await.unwrap(), AttemptError::Local(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_reason_is_reported() {
        let breaker = breaker();
        assert!(breaker.open(fault()));
        let since = breaker.status().since.instant;
        advance(Duration::from_secs(5)).await;
        let sealed = VaultError::vault(ErrorKind::Unavailable, "sealed");
        breaker.update_reason(sealed.clone());
        assert_eq!(breaker.status().open, Some(sealed));
        assert_eq!(breaker.status().since.instant, since);
    }
}
