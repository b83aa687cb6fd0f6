//! Single-flight loads: one task reads a secret for every caller that misses it.
//!
//! The task belongs to the compartment. The caller that started it may go away like any other, and a load without callers
//! still ends within its deadline and leaves its result in the cache.
//!
//! One load per key is *registered*: callers that miss the key join it, and only its result is stored in the cache. A
//! forced read after a rejection takes over the registration. The older read may have left the vault before the secret
//! changed, so its result reaches only the callers that already wait for it. The same holds for a load whose secret is
//! reported as changed while it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::{ErrorKind, ReadRequest, Secret, Stage, VaultError};
use tokio::time::Instant;

use super::shared_result::{Completer, SharedResult};
use crate::broker::compartment::cache::{Cache, CacheKey, CachedCredential, ReadResult};
use crate::broker::compartment::client::VaultClient;
use crate::broker::compartment::lease::LeaseRenewer;
use crate::broker::compartment::policy::CompartmentPolicy;
use crate::broker::compartment::tasks::Tasks;
use crate::broker::compartment::wait_queue::queue_full;
use crate::broker::compartment::watch::{Coverage, Watched};

/// Loads the secrets of one vault.
pub(crate) struct Loader {
    client: Arc<VaultClient>,
    cache: Arc<Cache>,
    renewer: Arc<LeaseRenewer>,
    /// `None` if the vault cannot be watched.
    watched: Option<Arc<Watched>>,
    running: Mutex<Running>,
    max_running: usize,
    tasks: Tasks,
}

#[derive(Debug, Default)]
struct Running {
    registered: HashMap<Arc<CacheKey>, Registered>,
    /// Identifies a load, so that it can see whether it is still the registered one.
    last_id: u64,
    /// Number of running loads, registered or not.
    count: usize,
}

/// A load that callers join.
#[derive(Debug)]
struct Registered {
    id: u64,
    result: SharedResult<ReadResult>,
    coverage: Option<Coverage>,
}

impl Loader {
    /// A loader without loads.
    pub(crate) fn new(
        policy: &CompartmentPolicy,
        client: Arc<VaultClient>,
        cache: Arc<Cache>,
        renewer: Arc<LeaseRenewer>,
        watched: Option<Arc<Watched>>,
        tasks: Tasks,
    ) -> Arc<Self> {
        let running = Mutex::default();
        Arc::new(Self { client, cache, renewer, watched, running, max_running: policy.max_waiting, tasks })
    }

    /// Loads `key` unless it is cached: joins the registered load, or starts one.
    ///
    /// # Errors
    ///
    /// `Unavailable` if `max_waiting` loads are running, or the compartment is closing.
    pub(crate) fn load(
        self: &Arc<Self>,
        key: &Arc<CacheKey>,
    ) -> Result<SharedResult<ReadResult>, VaultError> {
        let mut running = self.lock();
        // A load may have ended since the caller checked the cache.
        match self.cache.fresh(key, Instant::now()) {
            Some(result) => Ok(SharedResult::ready(result)),
            None => self.join_or_start(&mut running, key),
        }
    }

    /// Loads `key` whether or not it is cached: joins the registered load, or starts one.
    ///
    /// # Errors
    ///
    /// As [`Loader::load`].
    pub(crate) fn refresh(
        self: &Arc<Self>,
        key: &Arc<CacheKey>,
    ) -> Result<SharedResult<ReadResult>, VaultError> {
        self.join_or_start(&mut self.lock(), key)
    }

    /// Starts a load of `key`, whether or not it is cached or another load is running. Takes over the registration.
    ///
    /// # Errors
    ///
    /// As [`Loader::load`].
    pub(crate) fn reload(
        self: &Arc<Self>,
        key: &Arc<CacheKey>,
    ) -> Result<SharedResult<ReadResult>, VaultError> {
        self.start(&mut self.lock(), key)
    }

    /// Loads each of `keys` as [`Loader::load`] does, but starts one request for all that are neither cached nor loading.
    /// The results are in the order of `keys`.
    pub(crate) fn load_many(
        self: &Arc<Self>,
        keys: &[Arc<CacheKey>],
    ) -> Vec<Result<SharedResult<ReadResult>, VaultError>> {
        let mut running = self.lock();
        let mut batch = Vec::new();
        let mut join = |key: &Arc<CacheKey>| {
            if let Some(result) = self.cache.fresh(key, Instant::now()) {
                return Ok(SharedResult::ready(result));
            }
            if let Some(result) = running.joinable(key) {
                return Ok(result);
            }
            let (load, result) = self.register(&mut running, key)?;
            batch.push(load);
            Ok(result)
        };
        let results = keys.iter().map(&mut join).collect();
        if !batch.is_empty() {
            let loader = Arc::clone(self);
            self.tasks.spawn(async move {
                let keys: Vec<_> = batch.iter().map(|load| Arc::clone(&load.registration.key)).collect();
                let results = loader.read_many(&keys).await;
                for (load, result) in batch.into_iter().zip(results) {
                    load.finish(result);
                }
            });
        }
        results
    }

    /// Reads `key` from the vault and takes charge of its lease. Does not touch the cache.
    ///
    /// # Errors
    ///
    /// As [`VaultClient::read`], and `Malformed` if a field is missing.
    pub(crate) async fn read(self: &Arc<Self>, key: &Arc<CacheKey>, stage: Stage) -> ReadResult {
        let secret = self.client.read(&key.path, &key.fields, stage).await?;
        self.accept(key, secret, stage)
    }

    /// Reads the current state of many keys in one request. The results are in the order of `keys`.
    async fn read_many(self: &Arc<Self>, keys: &[Arc<CacheKey>]) -> Vec<ReadResult> {
        let request =
            |key: &Arc<CacheKey>| ReadRequest { path: key.path.clone(), fields: key.fields.to_vec() };
        let requests: Vec<_> = keys.iter().map(request).collect();
        match self.client.read_many(&requests).await {
            Ok(secrets) => keys
                .iter()
                .zip(secrets)
                .map(|(key, secret)| secret.and_then(|secret| self.accept(key, secret, Stage::Current)))
                .collect(),
            Err(error) => vec![Err(error); keys.len()],
        }
    }

    /// Makes a credential of a secret that the vault has just returned.
    ///
    /// The lease is registered first, so that the lease of a malformed secret is released.
    fn accept(self: &Arc<Self>, key: &Arc<CacheKey>, secret: Secret, stage: Stage) -> ReadResult {
        let loader = Arc::clone(self);
        let lease = self.renewer.register(key, &secret, move |key| {
            let load = loader.refresh(&key);
            async move { load?.wait().await?.map(|_| ()) }
        });
        match key.fields.iter().find(|field| !secret.fields.contains_key(field)) {
            None => Ok(CachedCredential::new(key, secret, stage, lease)),
            Some(field) => Err(VaultError::secret(
                ErrorKind::Malformed,
                format!(
                    "the vault returned {} without its field `{field}`; write the secret again",
                    key.path
                ),
            )),
        }
    }

    fn join_or_start(
        self: &Arc<Self>,
        running: &mut Running,
        key: &Arc<CacheKey>,
    ) -> Result<SharedResult<ReadResult>, VaultError> {
        match running.joinable(key) {
            Some(result) => Ok(result),
            None => self.start(running, key),
        }
    }

    fn start(
        self: &Arc<Self>,
        running: &mut Running,
        key: &Arc<CacheKey>,
    ) -> Result<SharedResult<ReadResult>, VaultError> {
        let (load, result) = self.register(running, key)?;
        let (loader, key) = (Arc::clone(self), Arc::clone(key));
        self.tasks.spawn(async move { load.finish(loader.read(&key, Stage::Current).await) });
        Ok(result)
    }

    fn register(
        self: &Arc<Self>,
        running: &mut Running,
        key: &Arc<CacheKey>,
    ) -> Result<(Load, SharedResult<ReadResult>), VaultError> {
        if self.tasks.is_closing() {
            return Err(VaultError::vault(ErrorKind::Unavailable, "the server is shutting down"));
        }
        // The wait queue does not bound loads: a caller that leaves makes room for another, but its load runs on.
        if running.count >= self.max_running {
            return Err(queue_full(self.max_running));
        }
        let (completer, result) = SharedResult::new();
        running.count += 1;
        running.last_id += 1;
        let id = running.last_id;
        let coverage = self.watched.as_ref().map(|watched| watched.cover(&key.path));
        let registered = Registered { id, result: result.clone(), coverage: coverage.clone() };
        running.registered.insert(Arc::clone(key), registered);
        let registration = Registration { loader: Arc::clone(self), key: Arc::clone(key), id, coverage };
        Ok((Load { registration, completer }, result))
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A load that is running.
struct Load {
    registration: Registration,
    completer: Completer<ReadResult>,
}

impl Load {
    /// Ends the load and hands `result` to the callers.
    fn finish(self, result: ReadResult) {
        self.registration.end(&result);
        self.completer.complete(result);
    }
}

/// The registration of a load. It ends with the load, even if that panics.
struct Registration {
    loader: Arc<Loader>,
    key: Arc<CacheKey>,
    id: u64,
    coverage: Option<Coverage>,
}

impl Registration {
    /// Stores `result` in the cache, unless a newer load has taken over or the secret has changed, and ends the registration.
    fn end(self, result: &ReadResult) {
        let running = self.loader.lock();
        let outdated = self.coverage.as_ref().is_some_and(Coverage::is_outdated);
        if running.is_registered(&self)
            && !outdated
            && let Some(entry) = self.loader.cache.store(&self.key, result, self.coverage.clone())
        {
            self.loader.renewer.track(&entry);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut running = self.loader.lock();
        running.count -= 1;
        if running.is_registered(self) {
            running.registered.remove(&self.key);
        }
    }
}

impl Running {
    fn is_registered(&self, registration: &Registration) -> bool {
        self.registered.get(&registration.key).is_some_and(|registered| registered.id == registration.id)
    }

    /// The result of the load of `key` that a new caller may join: its secret has not changed since the load began.
    fn joinable(&self, key: &CacheKey) -> Option<SharedResult<ReadResult>> {
        let registered = self.registered.get(key)?;
        let outdated = registered.coverage.as_ref().is_some_and(Coverage::is_outdated);
        (!outdated).then(|| registered.result.clone())
    }
}

#[cfg(test)]
impl Loader {
    /// Number of running loads, and of registered ones.
    pub(crate) fn count(&self) -> (usize, usize) {
        let running = self.lock();
        (running.count, running.registered.len())
    }
}
