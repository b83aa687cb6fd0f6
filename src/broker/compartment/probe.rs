//! Probes: how a vault that was given up is found to be back, with no restart and no caller's help.
//!
//! While the breaker is open, one task looks at the vault once an interval; it begins with the period and ends with it.
//! A vault that says "come back later" is back.
//!
//! Probes have an allowance of their own: with every permit held by a hung call, a probe must still get through. It is
//! one probe at a time; and of *threads* that probes left hanging, two at most. With one only, a single thread stuck
//! in a dead mount would blind the compartment for ever, although the next open might succeed; with no bound, each
//! interval would leave one more thread behind. With both hanging, looking goes on when one of them has come back.

use std::sync::{Arc, Weak};
use std::time::Duration;

use cofferdam_vault::{ErrorKind, Vault, VaultError, with_permit};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{sleep, timeout};

use super::retry::Jitter;
use super::{Compartment, CompartmentState, attempt, refusal};

/// How many threads of probes may hang at once.
pub(super) const THREADS: usize = 2;

/// How much longer than `probe_interval` a pause may be. Only longer: an operator who names an interval wants no
/// more than one probe in it; and a tenth spreads fifty processes that lost the same vault over half a second in five.
const JITTER: f64 = 0.1;

/// The allowance of the probes.
#[derive(Debug)]
pub(super) struct Probes {
    /// Held by the one that looks.
    turn: Mutex<()>,
    /// Held until a probe's thread has come back.
    threads: Arc<Semaphore>,
    timeout: Duration,
    interval: Duration,
    jitter: Jitter,
}

impl Probes {
    /// Probes that may take `timeout` each, `interval` apart.
    pub(super) fn new(timeout: Duration, interval: Duration, jitter: Jitter) -> Self {
        Self { turn: Mutex::new(()), threads: Arc::new(Semaphore::new(THREADS)), timeout, interval, jitter }
    }

    /// Looks at the vault once; waits for its turn, and for a thread where all of them hang.
    ///
    /// # Errors
    ///
    /// Why the vault cannot serve. What does not count for the breaker is no reason to keep it open.
    async fn look(&self, vault: &dyn Vault) -> Result<(), VaultError> {
        self.look_at(async { vault.probe().await }, &vault.info().location).await
    }

    async fn look_at(
        &self,
        probe: impl Future<Output = Result<(), VaultError>>,
        location: &str,
    ) -> Result<(), VaultError> {
        let _turn = self.turn.lock().await;
        let Ok(thread) = Arc::clone(&self.threads).acquire_owned().await else {
            return Err(refusal("the probes have ended"));
        };
        let answer = timeout(self.timeout, with_permit(Arc::new(thread), attempt::guarded(probe))).await;
        let answer = answer.unwrap_or_else(|_| {
            let message = format!("no answer from {location} within {:?}", self.timeout);
            Err(VaultError::vault(ErrorKind::Timeout, message))
        });
        match answer.and_then(|answer| answer) {
            Err(error) if error.counts_for_breaker() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn pause(&self) -> Duration {
        self.interval.mul_f64(1.0 + JITTER * (self.jitter)())
    }
}

impl Compartment {
    /// Looks at the vault for the first time. One that does not answer is given up at once, with no calls spent on it.
    pub(in crate::broker) async fn start(self: &Arc<Self>) {
        if self.breaker.admit().is_err() {
            return;
        }
        if let Err(error) = self.probes.look(&*self.vault).await
            && self.breaker.open(error)
        {
            self.given_up();
        }
    }

    /// What follows when the breaker has opened: the operator hears of it, and the recovery begins.
    pub(super) fn given_up(self: &Arc<Self>) {
        self.cache.recount();
        let status = self.status();
        let reason = status.reason.unwrap_or_default();
        tracing::warn!(vault = %self.name, state = %status.state, %reason, "the vault was given up");
        if !self.closing.is_cancelled() {
            self.tasks.spawn(recover(Arc::downgrade(self), status.state));
        }
    }
}

/// Looks at the vault, interval by interval, until it is back. Does not keep the compartment alive.
async fn recover(compartment: Weak<Compartment>, mut last: CompartmentState) {
    loop {
        let Some(this) = compartment.upgrade() else { return };
        let (pause, closing) = (this.probes.pause(), this.closing.clone());
        drop(this);
        tokio::select! {
            () = closing.cancelled() => return,
            () = sleep(pause) => {}
        }
        let Some(this) = compartment.upgrade() else { return };
        let answer = tokio::select! {
            () = closing.cancelled() => return,
            answer = this.probes.look(&*this.vault) => answer,
        };
        match answer {
            Ok(()) => {
                this.breaker.close();
                tracing::info!(vault = %this.name, state = %CompartmentState::Ready, "the vault is back");
                return;
            }
            Err(error) => {
                tracing::debug!(vault = %this.name, reason = %error, "the vault is not back yet");
                this.breaker.still_open(error);
            }
        }
        let status = this.status();
        if status.state != last {
            let reason = status.reason.unwrap_or_default();
            tracing::warn!(vault = %this.name, state = %status.state, %reason, "nothing cached can be served any more");
            last = status.state;
        }
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{Calls, Fault};
    use tokio::time::{Instant, advance};

    use super::*;
    use crate::broker::compartment::testing::{Rig, SECOND, settle};
    use crate::broker::compartment::{BreakerSettings, Walls};

    /// Lets `seconds` pass one by one, so that what is due comes to run.
    async fn pass(seconds: u32) {
        for _ in 0..seconds {
            advance(SECOND).await;
            settle().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_is_down_at_start_is_given_up_at_once_and_comes_back_by_itself() {
        let rig = Rig::new(Walls::default());
        rig.faults.set(Calls::All, Fault::vault(ErrorKind::Misconfigured));
        rig.compartment.start().await;
        let status = rig.status();
        assert_eq!(status.state, CompartmentState::Down);
        assert_eq!(status.reason.as_deref(), Some("scripted: the vault is misconfigured"));
        rig.token().await.unwrap_err();
        assert_eq!(rig.reads(), 0);
        pass(30).await;
        assert_eq!(rig.probes(), 1 + 6);
        rig.faults.clear();
        pass(5).await;
        assert_eq!(rig.status().state, CompartmentState::Ready);
        assert_eq!(rig.token().await.unwrap(), "one");
        pass(60).await;
        assert_eq!(rig.probes(), 1 + 7, "a vault that is well is not probed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_takes_no_longer_than_an_attempt() {
        let rig = Rig::new(Walls::default());
        rig.faults.set(Calls::All, Fault::Hang);
        let start = Instant::now();
        rig.compartment.start().await;
        assert_eq!(start.elapsed(), 2 * SECOND);
        assert_eq!(rig.status().state, CompartmentState::Down);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_vault_is_well() {
        let rig = Rig::new(Walls::default());
        rig.faults.set(Calls::Probes, Fault::throttled(None));
        rig.compartment.start().await;
        assert_eq!(rig.status().state, CompartmentState::Ready);
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_hangs_sees_at_most_one_probe_an_interval_and_never_two_at_once() {
        let rig = Rig::new(Walls { probe_interval: SECOND, ..Walls::default() });
        rig.give_up(ErrorKind::Unavailable).await;
        rig.faults.set(Calls::All, Fault::Hang);
        for _ in 0..300 {
            let probes = rig.probes();
            rig.token().await.unwrap_err();
            pass(1).await;
            assert!(rig.probes() <= probes + 1);
            assert!(rig.faults.in_flight() <= 1);
        }
        assert!(rig.probes() >= 90, "and it is looked at: {}", rig.probes());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flapping_vault_costs_one_failed_call_an_interval() {
        let rig = Rig::new(Walls { retries: 0, ..Walls::default() });
        rig.give_up(ErrorKind::Unavailable).await;
        // Its probes succeed, its reads fail.
        rig.faults.clear();
        rig.faults.set(Calls::Reads, Fault::vault(ErrorKind::Unavailable));
        let before = rig.reads();
        for _ in 0..60 {
            for _ in 0..10 {
                rig.token().await.unwrap_err();
            }
            pass(1).await;
        }
        assert!((10..=12).contains(&(rig.reads() - before)), "{} reads in 60 s", rig.reads() - before);
        assert!((10..=12).contains(&rig.probes()), "{} probes in 60 s", rig.probes());
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_only_lengthens_an_interval_and_by_a_tenth_at_most() {
        let pause = |jitter| Probes::new(SECOND, 10 * SECOND, jitter).pause();
        assert_eq!(pause(|| 0.0), 10 * SECOND);
        assert_eq!(pause(|| 1.0), 11 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_compartment_that_nobody_holds_is_not_kept_alive_by_its_recovery() {
        let rig = Rig::new(Walls {
            breaker: BreakerSettings { failures: 1, ..BreakerSettings::default() },
            ..Walls::default()
        });
        rig.give_up(ErrorKind::Unavailable).await;
        settle().await;
        let weak = Arc::downgrade(&rig.compartment);
        drop(rig.compartment);
        settle().await;
        assert!(weak.upgrade().is_none());
    }

    // On the real clock: a paused one knows nothing of threads.
    #[tokio::test]
    async fn hung_probe_threads_are_two_at_most_and_looking_goes_on_when_one_comes_back() {
        use cofferdam_vault::Threads;
        let threads = Threads::new("probes", 8);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let probes = Probes::new(Duration::from_millis(20), SECOND, || 0.0);
        let look = || {
            let (threads, gate) = (threads.clone(), Arc::clone(&gate));
            let work = async move {
                threads
                    .run(move || {
                        let _ = gate.lock().unwrap().recv();
                        Ok(())
                    })
                    .await
            };
            probes.look_at(work, "hung:")
        };
        for _ in 0..THREADS {
            assert_eq!(look().await.unwrap_err().kind(), ErrorKind::Timeout);
        }
        let third = look();
        tokio::pin!(third);
        let waited = timeout(Duration::from_millis(100), &mut third).await;
        assert!(waited.is_err(), "there is no third thread to hang");
        assert_eq!(threads.count(), THREADS);
        drop(release);
        assert_eq!(third.await, Ok(()));
    }
}
