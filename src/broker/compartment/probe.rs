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

use cofferdam_vault::{ErrorKind, Vault, VaultError, hold};
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
        let _turn = self.turn.lock().await;
        let Ok(thread) = Arc::clone(&self.threads).acquire_owned().await else {
            return Err(refusal("the probes have ended"));
        };
        let probe = hold(Arc::new(thread), attempt::guarded(vault.probe()));
        let answer = timeout(self.timeout, probe).await.unwrap_or_else(|_| {
            let location = &vault.info().location;
            Err(VaultError::vault(
                ErrorKind::Timeout,
                format!("no answer from {location} within {:?}", self.timeout),
            ))
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
