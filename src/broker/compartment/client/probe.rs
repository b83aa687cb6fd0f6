//! Probes: how a vault that is down is found to be up again, without a restart and without risking a call.
//!
//! Probes have permits of their own. A probe must get through even if hung calls hold every permit of the concurrency
//! limit. One probe runs at a time, and at most [`PROBE_THREADS`] threads may hang in probes. When both hang, probing
//! continues as soon as one returns.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{ErrorKind, Vault, VaultError, with_permit};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::attempt::catch_panic;
use crate::broker::compartment::policy::PROBE_THREADS;
use crate::broker::compartment::timing::Jitter;

/// Maximum jitter as a fraction of `probe_interval`.
///
/// It only lengthens the interval, which is a lower bound. A tenth spreads fifty processes that lost the same vault over
/// half a second of a five-second interval.
const JITTER: f64 = 0.1;

/// Probes one vault.
#[derive(Debug)]
pub(crate) struct Prober {
    /// Held by the running probe.
    running: Mutex<()>,
    /// Permits that return when the thread of a probe returns.
    threads: Arc<Semaphore>,
    timeout: Duration,
    interval: Duration,
    jitter: Jitter,
}

impl Prober {
    /// Probes may take `timeout` each and are `interval` apart.
    pub(crate) fn new(timeout: Duration, interval: Duration, jitter: Jitter) -> Self {
        let (running, threads) = (Mutex::new(()), Arc::new(Semaphore::new(PROBE_THREADS)));
        Self { running, threads, timeout, interval, jitter }
    }

    /// Probes `vault` once. Waits for a running probe, and for a free thread.
    ///
    /// # Errors
    ///
    /// Why the vault is down. An error that does not count for the breaker, such as throttling, is a success.
    pub(crate) async fn probe(&self, vault: &dyn Vault) -> Result<(), VaultError> {
        self.run(async { vault.probe().await }, &vault.info().location).await
    }

    async fn run(
        &self,
        probe: impl Future<Output = Result<(), VaultError>>,
        location: &str,
    ) -> Result<(), VaultError> {
        let _running = self.running.lock().await;
        let Ok(thread) = Arc::clone(&self.threads).acquire_owned().await else {
            return Err(VaultError::vault(ErrorKind::Unavailable, "probing has ended"));
        };
        let result = timeout(self.timeout, with_permit(Arc::new(thread), catch_panic(probe))).await;
        let result = result.unwrap_or_else(|_| {
            let message = format!("no answer from {location} within {:?}", self.timeout);
            Err(VaultError::vault(ErrorKind::Timeout, message))
        });
        match result.and_then(|result| result) {
            Err(error) if error.counts_for_breaker() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The pause before the next probe.
    pub(crate) fn pause(&self) -> Duration {
        self.interval.mul_f64(1.0 + JITTER * (self.jitter)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn jitter_lengthens_the_interval_by_at_most_a_tenth() {
        let pause = |jitter| Prober::new(SECOND, 10 * SECOND, jitter).pause();
        assert_eq!(pause(|| 0.0), 10 * SECOND);
        assert_eq!(pause(|| 1.0), 11 * SECOND);
    }

    // Uses the real clock: a paused one does not wait for threads.
    #[tokio::test]
    async fn at_most_two_probe_threads_hang_and_probing_continues_when_one_returns() {
        use cofferdam_vault::Threads;
        let threads = Threads::new("probes", 8);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let prober = Prober::new(Duration::from_millis(20), SECOND, || 0.0);
        let probe = || {
            let (threads, gate) = (threads.clone(), Arc::clone(&gate));
            let work = async move {
                threads
                    .run(move || {
                        let _ = gate.lock().unwrap().recv();
                        Ok(())
                    })
                    .await
            };
            prober.run(work, "hung:")
        };
        for _ in 0..PROBE_THREADS {
            assert_eq!(probe().await.unwrap_err().kind(), ErrorKind::Timeout);
        }
        let third = probe();
        tokio::pin!(third);
        let waited = timeout(Duration::from_millis(100), &mut third).await;
        assert!(waited.is_err(), "no third thread may hang");
        assert_eq!(threads.count(), PROBE_THREADS);
        drop(release);
        assert_eq!(third.await, Ok(()));
    }
}
