//! The client of one vault: retry, circuit breaker, concurrency limit and attempt timeout around its requests.
//!
//! [`VaultClient::call`] and [`VaultClient::attempt`] are the order of these layers. The documentation of
//! [`compartment`](crate::broker::compartment) explains it.

mod attempt;
mod breaker;
mod error;
mod limit;
mod probe;
mod retry;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{
    BoxStream, Change, FieldName, Lease, ReadRequest, Secret, SecretPath, Stage, Vault, VaultError, VaultInfo,
};
use futures_util::StreamExt as _;
use futures_util::stream::once;
use tokio::time::{Instant, sleep, timeout_at};

use self::attempt::{AttemptTimeout, catch_panic, panicked};
use self::breaker::Breaker;
#[cfg(test)]
pub(crate) use self::breaker::Timestamp;
pub(crate) use self::breaker::{CircuitStatus, Health};
use self::error::AttemptError;
use self::limit::ConcurrencyLimit;
use self::probe::Prober;
use self::retry::Retry;
use super::policy::CompartmentPolicy;
use super::tasks::Tasks;
use super::timing::{Jitter, saturating_add};

/// Receives the changes of a circuit. Called on the task of a request or of the recovery, so it must not block.
pub(crate) trait CircuitObserver: Send + Sync {
    /// The circuit opened.
    fn opened(&self, circuit: CircuitStatus);
    /// A probe failed, and the circuit stays open.
    fn still_open(&self, circuit: CircuitStatus);
    /// A probe succeeded, and the circuit is half-open.
    fn recovered(&self);
}

/// The client of one vault.
pub(crate) struct VaultClient {
    vault: Arc<dyn Vault>,
    deadline: Duration,
    retry: Retry,
    breaker: Breaker,
    limit: ConcurrencyLimit,
    attempt_timeout: AttemptTimeout,
    prober: Prober,
    observer: Box<dyn CircuitObserver>,
    tasks: Tasks,
}

impl VaultClient {
    /// A client of `vault`. Sends no request.
    pub(crate) fn new(
        vault: Arc<dyn Vault>,
        policy: &CompartmentPolicy,
        jitter: Jitter,
        observer: Box<dyn CircuitObserver>,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self {
            vault,
            deadline: policy.deadline,
            retry: Retry::new(policy.retries, jitter),
            breaker: Breaker::new(policy),
            limit: ConcurrencyLimit::new(policy.max_in_flight),
            attempt_timeout: AttemptTimeout::new(policy.attempt_timeout.min(policy.deadline)),
            prober: Prober::new(policy.attempt_timeout, policy.probe_interval, jitter),
            observer,
            tasks,
        })
    }

    /// Probes the vault for the first time. If the probe fails the circuit opens at once, and no call is spent on the vault.
    pub(crate) async fn start(self: &Arc<Self>) {
        if self.breaker.admit().is_err() {
            return;
        }
        if let Err(error) = self.prober.probe(&*self.vault).await
            && self.breaker.open(error)
        {
            self.circuit_opened();
        }
    }

    /// Reads `fields` of the secret at `path`.
    ///
    /// # Errors
    ///
    /// The vault's error, or `Unavailable` or `Timeout` from one of the layers.
    pub(crate) async fn read(
        self: &Arc<Self>,
        path: &SecretPath,
        fields: &[FieldName],
        stage: Stage,
    ) -> Result<Secret, VaultError> {
        self.call(self.creates_lease(path), || async move { self.vault.read(path, fields, stage).await })
            .await
    }

    /// Reads the current state of many secrets in one request. The results are in the order of `requests`.
    ///
    /// # Errors
    ///
    /// As [`VaultClient::read`], if every single read failed because of the vault.
    pub(crate) async fn read_many(
        self: &Arc<Self>,
        requests: &[ReadRequest],
    ) -> Result<Vec<Result<Secret, VaultError>>, VaultError> {
        let read = || async move {
            let results = self.vault.read_many(requests).await;
            match results.first() {
                Some(Err(error)) if results.iter().all(is_vault_error) => Err(error.clone()),
                _ => Ok(results),
            }
        };
        self.call(false, read).await
    }

    /// Renews a lease with a single attempt.
    ///
    /// # Errors
    ///
    /// As [`VaultClient::read`].
    pub(crate) async fn renew(self: &Arc<Self>, lease: &Lease) -> Result<Lease, VaultError> {
        self.call_once(async { self.vault.renew(lease).await }).await
    }

    /// Releases a lease with a single attempt.
    ///
    /// # Errors
    ///
    /// As [`VaultClient::read`].
    pub(crate) async fn release(self: &Arc<Self>, lease: &Lease) -> Result<(), VaultError> {
        self.call_once(async { self.vault.release(lease).await }).await
    }

    /// Watches the vault once. The layers do not apply: a watch lasts, and how it ends says little about reads.
    pub(crate) fn watch(&self) -> BoxStream<'_, Result<Change, VaultError>> {
        // Also a panic of the call itself becomes an item.
        let items = once(async { self.vault.watch() }).flatten();
        let items = AssertUnwindSafe(items).catch_unwind();
        items.map(|item| item.unwrap_or_else(|_| Err(panicked()))).boxed()
    }

    /// The pause between two probes, with jitter.
    pub(crate) fn probe_pause(&self) -> Duration {
        self.prober.pause()
    }

    /// Closes the vault. Returns whether it closed before `deadline`.
    pub(crate) async fn close(&self, deadline: Instant) -> bool {
        timeout_at(deadline, catch_panic(async { self.vault.close().await })).await.is_ok()
    }

    /// Deadline, then retries; then each attempt.
    async fn call<T, F: Future<Output = Result<T, VaultError>>>(
        self: &Arc<Self>,
        creates_lease: bool,
        request: impl Fn() -> F,
    ) -> Result<T, VaultError> {
        let deadline = saturating_add(Instant::now(), self.deadline);
        self.retry.run(deadline, creates_lease, || self.attempt(request(), deadline)).await
    }

    /// Deadline, then one attempt.
    async fn call_once<T>(
        self: &Arc<Self>,
        request: impl Future<Output = Result<T, VaultError>>,
    ) -> Result<T, VaultError> {
        let deadline = saturating_add(Instant::now(), self.deadline);
        self.attempt(request, deadline).await.map_err(VaultError::from)
    }

    /// Breaker, then concurrency limit, then attempt timeout, then the vault.
    async fn attempt<T>(
        self: &Arc<Self>,
        request: impl Future<Output = Result<T, VaultError>>,
        deadline: Instant,
    ) -> Result<T, AttemptError> {
        // The breaker is asked before queueing, while queueing, and again with the permit.
        let permit = self.limit.acquire(deadline, self.breaker.opened()).await?;
        let pass = self.breaker.admit()?;
        let location = &self.vault.info().location;
        let result = self.attempt_timeout.run(request, location, permit, deadline).await?;
        if self.breaker.record(pass, result.as_ref().err()) {
            self.circuit_opened();
        }
        result.map_err(AttemptError::Vault)
    }

    fn circuit_opened(self: &Arc<Self>) {
        self.observer.opened(self.breaker.status());
        if !self.tasks.is_closing() {
            self.tasks.spawn(Arc::clone(self).recover());
        }
    }

    /// Probes the vault, interval by interval, until a probe succeeds or the compartment closes.
    async fn recover(self: Arc<Self>) {
        let probing = async {
            loop {
                sleep(self.prober.pause()).await;
                let Err(error) = self.prober.probe(&*self.vault).await else { break };
                self.breaker.update_reason(error);
                self.observer.still_open(self.breaker.status());
            }
            self.breaker.half_open();
            self.observer.recovered();
        };
        tokio::select! {
            biased;
            () = self.tasks.closing() => {}
            () = probing => {}
        }
    }

    /// The health of the vault.
    pub(crate) fn health(&self) -> Health {
        self.breaker.health()
    }

    /// Waits until the vault is not healthy.
    pub(crate) async fn unhealthy(&self) {
        self.breaker.unhealthy().await;
    }

    /// A snapshot of the circuit.
    pub(crate) fn circuit(&self) -> CircuitStatus {
        self.breaker.status()
    }

    /// Whether a read of `path` creates a lease.
    pub(crate) fn creates_lease(&self, path: &SecretPath) -> bool {
        self.vault.creates_lease(path)
    }

    /// What the vault is.
    pub(crate) fn info(&self) -> &VaultInfo {
        self.vault.info()
    }

    /// The vault without the layers.
    pub(crate) fn vault(&self) -> &Arc<dyn Vault> {
        &self.vault
    }
}

/// Whether the vault, not the secret, failed.
fn is_vault_error<T>(result: &Result<T, VaultError>) -> bool {
    result.as_ref().is_err_and(VaultError::allows_stale)
}

#[cfg(test)]
impl VaultClient {
    /// Opens the circuit. Returns whether it was not open.
    pub(crate) fn open_circuit(&self, reason: VaultError) -> bool {
        self.breaker.open(reason)
    }

    /// Takes a permit of the concurrency limit.
    pub(crate) async fn take_permit(&self) -> tokio::sync::OwnedSemaphorePermit {
        let far = saturating_add(Instant::now(), Duration::from_secs(24 * 60 * 60));
        self.limit.acquire(far, std::future::pending()).await.unwrap()
    }

    /// Number of free permits of the concurrency limit.
    pub(crate) fn available_permits(&self) -> usize {
        self.limit.available()
    }
}
