//! The cache: what the vault returned for each secret, and how long that may be served.
//!
//! Two ages limit a cached secret. `cache_ttl` after its confirmation it is read again. `stale_for` after its confirmation
//! it is no longer served, even if the vault is unreachable. Both count from the last response of the vault, and both are
//! cut by the secret's own expiry. Nothing but a response of the vault extends them.
//!
//! - **Refresh ahead.** A caller who comes shortly before `cache_ttl` ends is served at once and starts a read for later
//!   callers. A secret in use never makes a caller wait, and an unreachable vault is detected before the entry expires.
//! - **Watches.** A watch of the vault confirms what was read under it, and a secret that it reports as changed is neither
//!   fresh nor stale. See [`watch`](super::watch).
//! - **Leases.** A secret with a lease is served until the lease ends, and neither age applies: reading it again would not
//!   confirm it but create another lease. See [`lease`](super::lease).
//! - **Negative entries.** An absent or denied secret is cached for `missing_ttl`. It is short because the secret may be
//!   written, or the grant fixed, at any time. Without it, a module that may not read its secret would cost the vault, and
//!   its audit log, one request per call.
//!
//! moka serves as a bounded map only. Its clock cannot be replaced and its loads run inside a caller, so expiry is part of
//! the value and [`load`](super::load) does the loading. Eviction is LRU: with moka's default policy a full cache rejects
//! new entries, and a new user's secret would be read on every call.

mod cached;
mod key;
mod leased;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_vault::VaultError;
use moka::policy::EvictionPolicy;
use tokio::time::Instant;

pub(crate) use self::cached::{CachedCredential, ReadResult, lifetime};
pub(crate) use self::key::CacheKey;
pub(crate) use self::leased::LeasedEntry;
use super::policy::CompartmentPolicy;
use super::timing::saturating_add;
use super::watch::Coverage;
use crate::broker::credential::Credential;

/// The cached secrets of one vault.
pub(crate) struct Cache {
    /// `None` if `cache_entries` is zero.
    entries: Option<moka::sync::Cache<Arc<CacheKey>, Entry>>,
    ttl: Duration,
    stale_for: Duration,
    missing_ttl: Duration,
    /// How long before its expiry an entry is refreshed.
    refresh_ahead: Duration,
    /// When the last entry that may be served without the vault expires. Between two [recounts](Cache::recount) this is
    /// an upper bound: that entry may have been evicted.
    servable_until: Mutex<Option<Instant>>,
}

#[derive(Clone)]
enum Entry {
    Found { cached: CachedCredential, coverage: Option<Coverage> },
    Leased(Arc<LeasedEntry>),
    Missing { error: Arc<VaultError>, until: Instant, coverage: Option<Coverage> },
}

impl Cache {
    /// An empty cache.
    pub(crate) fn new(policy: &CompartmentPolicy) -> Self {
        let entries = (policy.cache_entries > 0).then(|| {
            moka::sync::Cache::builder()
                .max_capacity(policy.cache_entries)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(|_, entry, _| {
                    if let Entry::Leased(entry) = entry {
                        entry.clear();
                    }
                })
                .build()
        });
        Self {
            entries,
            ttl: policy.cache_ttl,
            stale_for: policy.stale_for,
            missing_ttl: policy.missing_ttl,
            refresh_ahead: policy.attempt_timeout,
            servable_until: Mutex::new(None),
        }
    }

    /// Returns what can be answered without the vault: a credential within `cache_ttl`, or an error within `missing_ttl`.
    pub(crate) fn fresh(&self, key: &CacheKey, now: Instant) -> Option<ReadResult> {
        match self.entries.as_ref()?.get(key)? {
            Entry::Leased(entry) => entry.fresh(now).map(Ok),
            Entry::Missing { error, until, coverage } => {
                let valid = now < until && !coverage.is_some_and(|coverage| coverage.is_outdated());
                valid.then(|| Err((*error).clone()))
            }
            found => {
                let cached = found.into_cached()?;
                let fresh = now < saturating_add(cached.confirmed_at, self.ttl) && !cached.is_expired(now);
                fresh.then_some(Ok(cached))
            }
        }
    }

    /// Whether a fresh entry should be refreshed: it is in the second half of its life and expires within one attempt's
    /// time. A leased entry is the lease renewer's.
    pub(crate) fn refresh_due(&self, cached: &CachedCredential, now: Instant) -> bool {
        let end = saturating_add(cached.confirmed_at, self.ttl);
        let end = cached.expires_at.map_or(end, |expiry| expiry.min(end));
        let ahead = self.refresh_ahead.min(end.saturating_duration_since(cached.confirmed_at) / 2);
        !cached.is_leased() && saturating_add(now, ahead) >= end
    }

    /// Returns the credential that may be served although the vault cannot confirm it.
    pub(crate) fn stale(&self, key: &CacheKey, now: Instant) -> Option<Arc<Credential>> {
        let cached = self.entries.as_ref()?.get(key)?.into_cached()?;
        (now < self.serve_until(&cached)).then_some(cached.credential)
    }

    /// Stores a result of the vault, and what a watch says about it. An error changes the cache only if it says that the
    /// secret is gone or denied. Returns the entry of a secret with a lease.
    pub(crate) fn store(
        &self,
        key: &Arc<CacheKey>,
        result: &ReadResult,
        coverage: Option<Coverage>,
    ) -> Option<Arc<LeasedEntry>> {
        let entries = self.entries.as_ref()?;
        match result {
            Ok(cached) => {
                let leased = cached.is_leased().then(|| LeasedEntry::new(cached.clone()));
                let found = || Entry::Found { cached: cached.clone(), coverage };
                let entry = leased.clone().map_or_else(found, Entry::Leased);
                entries.insert(Arc::clone(key), entry);
                let mut servable_until = self.lock();
                *servable_until = (*servable_until).max(Some(self.serve_until(cached)));
                leased
            }
            Err(error) => {
                if error.evicts() && !self.missing_ttl.is_zero() {
                    let until = saturating_add(Instant::now(), self.missing_ttl);
                    let error = Arc::new(error.clone());
                    entries.insert(Arc::clone(key), Entry::Missing { error, until, coverage });
                } else if error.evicts() {
                    entries.invalidate(key);
                }
                None
            }
        }
    }

    /// When the last entry that may be served without the vault expires. `None` if there never was one.
    pub(crate) fn servable_until(&self) -> Option<Instant> {
        *self.lock()
    }

    /// Makes [`Cache::servable_until`] exact.
    ///
    /// This walks the whole cache, so it runs when the circuit opens and not for each status. Until the vault is back, only
    /// time takes entries away.
    pub(crate) fn recount(&self) {
        let mut servable_until = self.lock();
        *servable_until = self
            .entries
            .iter()
            .flatten()
            .filter_map(|(_, entry)| entry.into_cached().map(|cached| self.serve_until(&cached)))
            .max();
    }

    /// When a credential may no longer be served: the later of both ages, cut by its expiry. A leased one ends with its
    /// lease.
    fn serve_until(&self, cached: &CachedCredential) -> Instant {
        let end = saturating_add(cached.confirmed_at, self.ttl.max(self.stale_for));
        match cached.expires_at {
            Some(expiry) if cached.is_leased() => expiry,
            Some(expiry) => expiry.min(end),
            None => end,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.servable_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The credential, with the time at which the vault last confirmed it; `None` if it is known to have changed.
    fn into_cached(self) -> Option<CachedCredential> {
        match self {
            Self::Found { cached, coverage: None } => Some(cached),
            Self::Found { cached, coverage: Some(coverage) } => (!coverage.is_outdated()).then(|| {
                let confirmed_at = coverage.confirmed_at(cached.confirmed_at);
                CachedCredential { confirmed_at, ..cached }
            }),
            Self::Leased(entry) => entry.peek(),
            Self::Missing { .. } => None,
        }
    }
}

#[cfg(test)]
impl Cache {
    /// Runs the evictions that moka has postponed.
    pub(crate) fn run_pending_evictions(&self) {
        self.entries.iter().for_each(moka::sync::Cache::run_pending_tasks);
    }

    /// Number of entries.
    pub(crate) fn entry_count(&self) -> u64 {
        self.entries.as_ref().map_or(0, moka::sync::Cache::entry_count)
    }
}
