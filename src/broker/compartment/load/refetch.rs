//! Refetch: reading a secret again after a service rejected its credential.
//!
//! A rejected credential is out of date here, ahead of the service because a rotation is in progress, or simply wrong.
//! Reading again past the cache fixes the first, the previous state fixes the second, and nothing fixes the third. A
//! thousand calls with a wrong password must not become a thousand reads, so the result of a refetch is remembered per
//! secret version for `reject_interval`, and later calls get the same result.
//!
//! - **Leases.** A secret with a lease differs at each read, so its version bounds nothing. Such a secret is read again once
//!   per `reject_interval`, whatever its version. The result stays in the cache only: remembering it here would keep its
//!   lease.
//! - **Failures.** A refetch that failed because of the vault is not remembered; the breaker bounds its cost. Its callers
//!   learn that there is nothing else to try, because the service's rejection is what they must act on.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{Stage, VaultError, Version};
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use tokio::time::Instant;

use super::loader::Loader;
use super::shared_result::SharedResult;
use crate::broker::compartment::cache::{CacheKey, CachedCredential};
use crate::broker::compartment::policy::CompartmentPolicy;
use crate::broker::compartment::tasks::Tasks;
use crate::broker::compartment::timing::saturating_add;
use crate::broker::credential::Credential;

/// The result of a refetch: another credential, `None` if there is nothing else to try, or why the read failed.
pub(crate) type RefetchResult = Result<Option<CachedCredential>, VaultError>;

/// Refetches the rejected secrets of one vault.
pub(crate) struct Refetcher {
    loader: Arc<Loader>,
    /// Whether the vault can return the previous state of a secret.
    has_previous: bool,
    /// The refetches of late, by key and rejected version; `None` for a secret with a lease.
    recent: moka::sync::Cache<(Arc<CacheKey>, Option<Version>), Arc<Refetch>>,
    interval: Duration,
    tasks: Tasks,
}

struct Refetch {
    started: Instant,
    result: SharedResult<RefetchResult>,
}

impl Refetcher {
    /// Remembers as many refetches as the cache has entries, and at least one per waiting caller.
    pub(crate) fn new(
        policy: &CompartmentPolicy,
        loader: Arc<Loader>,
        has_previous: bool,
        tasks: Tasks,
    ) -> Self {
        let entries = policy.cache_entries.max(policy.max_waiting as u64);
        let recent =
            moka::sync::Cache::builder().max_capacity(entries).eviction_policy(EvictionPolicy::lru()).build();
        Self { loader, has_previous, recent, interval: policy.reject_interval, tasks }
    }

    /// Joins the remembered refetch of the rejected version, or starts one.
    pub(crate) fn refetch(&self, key: &Arc<CacheKey>, rejected: &Credential) -> SharedResult<RefetchResult> {
        let now = Instant::now();
        let leased = rejected.secret.lease.is_some();
        let entry = (Arc::clone(key), (!leased).then(|| rejected.version().clone()));
        let mut result = None;
        // moka serialises this per key: of concurrent callers, one starts the refetch.
        self.recent.entry(entry).and_compute_with(|recent| {
            let recent = recent.map(|entry| entry.into_value()).filter(|refetch| self.is_valid(refetch, now));
            if let Some(refetch) = recent {
                result = Some(refetch.result.clone());
                return Op::Nop;
            }
            let started = self.start(Arc::clone(key), rejected.version().clone());
            result = Some(started.clone());
            Op::Put(Arc::new(Refetch { started: now, result: started }))
        });
        result.unwrap_or_else(|| SharedResult::ready(Ok(None)))
    }

    /// Whether later callers get the result of `refetch`.
    fn is_valid(&self, refetch: &Refetch, now: Instant) -> bool {
        match refetch.result.get() {
            None => refetch.result.is_pending(),
            Some(Err(error)) if error.allows_stale() => false,
            Some(result) => {
                let expired = matches!(&result, Ok(Some(other)) if other.is_expired(now));
                now < saturating_add(refetch.started, self.interval) && !expired
            }
        }
    }

    fn start(&self, key: Arc<CacheKey>, rejected: Version) -> SharedResult<RefetchResult> {
        let (loader, has_previous) = (Arc::clone(&self.loader), self.has_previous);
        SharedResult::spawn(&self.tasks, async move {
            let current = loader.reload(&key)?.wait().await??;
            if current.is_leased() {
                return Ok(None);
            }
            if *current.credential.version() != rejected {
                return Ok(Some(current));
            }
            if !has_previous {
                return Ok(None);
            }
            match loader.read(&key, Stage::Previous).await {
                Ok(previous) if *previous.credential.version() == rejected => Ok(None),
                Ok(previous) => Ok(Some(previous)),
                Err(error) if error.allows_stale() => Err(error),
                Err(_) => Ok(None),
            }
        })
    }
}
