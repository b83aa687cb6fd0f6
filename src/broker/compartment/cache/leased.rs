//! The cache entry of a secret with a lease.
//!
//! Such an entry changes while it is cached: a renewal extends it. The cache's reference to the credential must also go at
//! the moment of eviction, because the lease is released with the last reference. moka drops evicted values at a time of
//! its own choosing, so the reference is kept in here, and [`LeasedEntry::clear`] removes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::cached::CachedCredential;
use crate::broker::credential::LeaseGuard;

/// The cache entry of a secret with a lease.
pub(crate) struct LeasedEntry(Mutex<Option<Leased>>);

struct Leased {
    cached: CachedCredential,
    /// Whether a caller asked for it since it was read or renewed. The caller whose miss caused the read does not count.
    used: bool,
    /// Whether it went unused for two thirds of its life. It is then no longer fresh.
    idle: bool,
}

impl LeasedEntry {
    /// An entry that holds `cached`.
    pub(crate) fn new(cached: CachedCredential) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Leased { cached, used: false, idle: false }))))
    }

    /// The credential if it is neither idle nor expired. Marks it as used.
    pub(crate) fn fresh(&self, now: Instant) -> Option<CachedCredential> {
        let mut entry = self.lock();
        let leased = entry.as_mut().filter(|leased| !leased.idle && !leased.cached.is_expired(now))?;
        leased.used = true;
        Some(leased.cached.clone())
    }

    /// The credential, idle or not. Does not mark it as used.
    pub(crate) fn peek(&self) -> Option<CachedCredential> {
        self.lock().as_ref().map(|leased| leased.cached.clone())
    }

    /// Drops the cache's reference to the credential.
    pub(crate) fn clear(&self) {
        let leased = self.lock().take();
        // Dropped after the lock is released: this may be the last reference, and releases the lease.
        drop(leased);
    }

    /// Whether the credential was used since it was read or renewed. If not, it becomes idle.
    pub(crate) fn check_used(&self, now: Instant) -> bool {
        self.lock().as_mut().is_some_and(|leased| {
            leased.idle |= !leased.used || leased.cached.is_expired(now);
            !leased.idle
        })
    }

    /// Records a renewal at `now`: the lease lasts until `expires_at`.
    pub(crate) fn renewed(&self, now: Instant, expires_at: Instant) {
        if let Some(leased) = self.lock().as_mut() {
            leased.cached.confirmed_at = now;
            leased.cached.expires_at = Some(expires_at);
            leased.used = false;
        }
    }

    /// The id of the lease.
    pub(crate) fn lease_id(&self) -> Option<u64> {
        self.lock().as_ref()?.cached.credential.lease.as_ref().map(LeaseGuard::id)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Leased>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
