//! The compartment: one vault, with everything that keeps its failures from affecting others.
//!
//! No caller waits longer than its deadline, a failing vault gets no more requests than a healthy one, and no two
//! compartments share a client, permit, task, thread or cache.
//!
//! # The order of the layers
//!
//! From outside in. [`Compartment::resolve`] is the code of the outer layers, and `call` and `attempt` of
//! [`VaultClient`] are the code of the inner ones.
//!
//! ```text
//! caller's deadline → cache → single-flight load → read deadline → retry → breaker → limit → attempt timeout → vault
//! ├─────────────── Compartment ───────────────┤   ├────────────────────── VaultClient ──────────────────────┤
//! ```
//!
//! Why this order:
//!
//! - **The caller's deadline is outside the load.** A caller stops waiting for itself only.
//!   *Wrong:* with the deadline inside, the first caller's deadline would end the read for the thousand that joined it.
//! - **The cache is outside everything that can wait.** A hit needs no permit and works while the circuit is open.
//!   *Wrong:* with the breaker outside, an outage would take cached secrets away.
//! - **The read deadline is outside retry.** One deadline bounds all attempts, pauses and queueing together. It is passed
//!   inwards and not enforced from outside, so that each layer reports *whose* time ran out.
//! - **Retry is outside the breaker.** Each attempt asks the breaker and counts by itself.
//!   *Wrong:* with the breaker outside, three failed attempts would count as one, and the second attempt would run although
//!   the circuit opened after the first.
//! - **The breaker is outside the limit, and asked again inside it.** An open circuit must fail calls without queueing.
//!   *Wrong:* asked only once, a queue that formed before the circuit opened would reach the vault permit by permit.
//! - **Retry is outside the limit.** *Wrong:* with the permit held during a pause, a few failing reads would block the
//!   healthy ones.
//! - **The limit is outside the attempt timeout.** *Wrong:* with the clock started first, our own queue would look like a
//!   slow vault, and load alone would open the circuit.
//!
//! # States
//!
//! A compartment is `ready` unless the circuit is open. Single failures below the threshold are retried and reported to
//! their callers, and do not change the state. With the circuit open, the compartment is `degraded` while the cache has
//! something to serve, and otherwise `down`. See [`state`].
//!
//! # Tasks
//!
//! Loads, refetches, the recovery and the lease renewer are tasks of the compartment and not of a caller, so a caller that
//! goes away affects no other. Each ends within the read deadline, or when the compartment closes. So does the task that
//! watches a vault that reports changes, so that cached secrets need not be read again: see [`watch`]. A lease belongs to
//! the users of its credential and is released after the last one: see [`lease`].

mod cache;
mod client;
mod lease;
mod load;
mod policy;
mod state;
mod state_log;
mod tasks;
#[cfg(test)]
mod tests;
mod timing;
mod wait_queue;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{Stage, Vault, VaultError};
use tokio::time::{Instant, timeout};
use tokio_util::sync::DropGuard;

use self::cache::Cache;
pub(super) use self::cache::CacheKey;
use self::client::{Health, VaultClient};
use self::lease::LeaseRenewer;
use self::load::{Loader, Refetcher, prefetch};
pub use self::policy::{BreakerPolicy, CompartmentPolicy};
pub use self::state::CompartmentState;
pub(super) use self::state::Status;
use self::state_log::StateLog;
use self::tasks::Tasks;
use self::timing::{Jitter, saturating_add};
use self::wait_queue::WaitQueue;
use self::watch::{Watched, Watcher};
use super::credential::Credential;

/// One vault with its cache, its client and its tasks.
pub(super) struct Compartment {
    name: String,
    policy: CompartmentPolicy,
    queue: WaitQueue,
    cache: Arc<Cache>,
    loader: Arc<Loader>,
    refetcher: Refetcher,
    renewer: Arc<LeaseRenewer>,
    client: Arc<VaultClient>,
    /// What is watched, if the vault can be watched and there is a cache.
    watched: Option<Arc<Watched>>,
    tasks: Tasks,
    _close_on_drop: DropGuard,
}

impl Compartment {
    /// Puts `vault` into a compartment. Sends no request.
    pub(super) fn new(name: String, policy: CompartmentPolicy, vault: Arc<dyn Vault>) -> Self {
        Self::with_jitter(name, policy, vault, fastrand::f64)
    }

    fn with_jitter(name: String, policy: CompartmentPolicy, vault: Arc<dyn Vault>, jitter: Jitter) -> Self {
        let tasks = Tasks::default();
        let cache = Arc::new(Cache::new(&policy));
        let log = StateLog::new(name.clone(), Arc::clone(&cache), policy.probe_interval);
        let client = VaultClient::new(vault, &policy, jitter, Box::new(log), tasks.clone());
        let renewer = LeaseRenewer::new(&policy, jitter, Arc::clone(&client), tasks.clone());
        let watches = client.info().capabilities.watch && policy.cache_entries > 0;
        let watched = watches.then(Arc::default);
        let loader = Loader::new(
            &policy,
            Arc::clone(&client),
            Arc::clone(&cache),
            Arc::clone(&renewer),
            watched.clone(),
            tasks.clone(),
        );
        let has_previous = client.info().capabilities.previous;
        let refetcher = Refetcher::new(&policy, Arc::clone(&loader), has_previous, tasks.clone());
        let queue = WaitQueue::new(policy.max_waiting);
        let _close_on_drop = tasks.close_on_drop();
        Self {
            name,
            policy,
            queue,
            cache,
            loader,
            refetcher,
            renewer,
            client,
            watched,
            tasks,
            _close_on_drop,
        }
    }

    /// Returns the credential for `key`: from the cache, else from the vault, within `deadline`.
    ///
    /// Falls back to a stale credential if the vault fails or is too slow for this caller. The fallback is immediate if the
    /// vault is suspect; the load that was started finds out whether it still is. Releasing all waiters at once, at the end
    /// of the attempt, would stall other modules.
    pub(super) async fn resolve(
        &self,
        key: &Arc<CacheKey>,
        deadline: Instant,
    ) -> Result<Arc<Credential>, VaultError> {
        let now = Instant::now();
        if let Some(result) = self.cache.fresh(key, now) {
            if result.as_ref().is_ok_and(|cached| self.cache.refresh_due(cached, now)) {
                self.refresh_ahead(key);
            }
            return result.map(|cached| cached.credential);
        }
        if self.client.health() == Health::Open
            && let Some(stale) = self.stale(key)
        {
            return Ok(stale);
        }
        let result = tokio::select! {
            // The load is polled first: it has to start, because it detects that the vault is back.
            biased;
            result = self.load(key, deadline) => result,
            stale = self.stale_if_unhealthy(key) => return Ok(stale),
        };
        match result {
            Err(error) if error.allows_stale() => self.stale(key).ok_or(error),
            result => result,
        }
    }

    /// Waits for the single-flight load of `key` until `deadline`.
    async fn load(&self, key: &Arc<CacheKey>, deadline: Instant) -> Result<Arc<Credential>, VaultError> {
        let _permit = self.queue.acquire()?;
        let result = self.loader.load(key)?.wait_until(deadline).await?;
        result.map(|cached| cached.credential)
    }

    /// Starts a load of a cached key for later callers, unless the circuit is open.
    fn refresh_ahead(&self, key: &Arc<CacheKey>) {
        if self.client.health() != Health::Open {
            // An error means that the queue is full. The entry then expires, and its next caller loads it.
            let _ = self.loader.refresh(key);
        }
    }

    /// Resolves to the stale credential once the vault is not healthy. Pending forever if nothing is cached.
    async fn stale_if_unhealthy(&self, key: &CacheKey) -> Arc<Credential> {
        self.client.unhealthy().await;
        match self.stale(key) {
            Some(stale) => stale,
            None => std::future::pending().await,
        }
    }

    fn stale(&self, key: &CacheKey) -> Option<Arc<Credential>> {
        let stale = self.cache.stale(key, Instant::now())?;
        tracing::debug!(vault = %self.name, path = %key.path, "serving a stale secret, because the vault cannot answer");
        Some(stale)
    }

    /// Returns what to try after the service rejected `rejected`, or `None` if there is nothing else to try.
    ///
    /// # Errors
    ///
    /// Why the secret cannot be used any more: it is gone, denied or malformed. A vault that cannot answer is not an error
    /// but `None`.
    pub(super) async fn after_rejection(
        &self,
        key: &Arc<CacheKey>,
        rejected: &Credential,
        deadline: Instant,
    ) -> Result<Option<Arc<Credential>>, VaultError> {
        // The current state was rejected before the previous one was tried.
        if rejected.stage == Stage::Previous {
            return Ok(None);
        }
        if let Some(newer) = self.cached_instead_of(key, rejected) {
            return Ok(Some(newer));
        }
        match self.refetch(key, rejected, deadline).await {
            Ok(None) => Ok(self.cached_instead_of(key, rejected)),
            Err(error) if error.allows_stale() => {
                tracing::debug!(vault = %self.name, path = %key.path, reason = %error, "no refetch after a rejection");
                Ok(None)
            }
            result => result,
        }
    }

    /// Waits for the refetch of a rejected credential until `deadline`.
    async fn refetch(
        &self,
        key: &Arc<CacheKey>,
        rejected: &Credential,
        deadline: Instant,
    ) -> Result<Option<Arc<Credential>>, VaultError> {
        let _permit = self.queue.acquire()?;
        let result = self.refetcher.refetch(key, rejected).wait_until(deadline).await?;
        result.map(|found| found.map(|cached| cached.credential))
    }

    /// The cached credential if it has another version than `rejected`.
    fn cached_instead_of(&self, key: &CacheKey, rejected: &Credential) -> Option<Arc<Credential>> {
        let cached = self.cache.fresh(key, Instant::now())?.ok()?.credential;
        (cached.version() != rejected.version()).then_some(cached)
    }

    /// Probes the vault for the first time, and starts to watch it. See [`VaultClient::start`].
    pub(super) async fn start(&self) {
        self.client.start().await;
        if let Some(watched) = &self.watched {
            let (client, watched) = (Arc::clone(&self.client), Arc::clone(watched));
            let watcher = Watcher::new(self.name.clone(), &self.policy, client, watched);
            self.tasks.spawn(watcher.run(self.tasks.clone()));
        }
    }

    /// Loads `keys` into the cache. See [`prefetch`].
    pub(super) async fn prefetch(&self, keys: &[Arc<CacheKey>]) -> Vec<Option<Result<(), VaultError>>> {
        prefetch(&self.loader, &self.client, &self.policy, keys).await
    }

    /// The state of this compartment.
    pub(super) fn status(&self) -> Status {
        Status::new(self.client.circuit(), self.cache.servable_until(), Instant::now())
    }

    /// The vault without the layers, for commands that need the store's own response.
    pub(super) fn vault(&self) -> &Arc<dyn Vault> {
        self.client.vault()
    }

    /// The vault's name in the profile.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The maximum number of concurrent requests to the vault, with those of probes.
    pub(super) fn max_requests(&self) -> usize {
        self.policy.threads()
    }

    /// The time between two probes while the circuit is open.
    pub(super) fn probe_interval(&self) -> Duration {
        self.policy.probe_interval
    }

    /// Closes the compartment within the read deadline: ends the recovery, lets loads finish for half of the time, releases
    /// the leases for half of the rest, and closes the vault.
    pub(super) async fn close(&self) {
        let deadline = saturating_add(Instant::now(), self.policy.deadline);
        self.tasks.close();
        if timeout(self.policy.deadline / 2, self.tasks.ended()).await.is_err() {
            tracing::warn!(vault = %self.name, "closing while reads are still running");
        }
        let count = self.renewer.release_all(self.policy.deadline / 4).await;
        if count > 0 {
            tracing::warn!(vault = %self.name, count, "leases were not released; they expire by themselves");
        }
        if !self.client.close(deadline).await {
            tracing::warn!(vault = %self.name, "the vault did not close in time");
        }
    }
}

impl fmt::Debug for Compartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compartment")
            .field("name", &self.name)
            .field("vault", self.vault())
            .finish_non_exhaustive()
    }
}
