//! The place of a leased secret in the cache.
//!
//! What the cache holds of such a secret changes while it is there (a renewal gives it a later end), and has to go at the
//! moment when the cache lets go of it: moka drops values when it suits it, which may be never. So the cache's one
//! reference lies in here, and [`Slot::clear`] takes it away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::lease::LeaseGuard;
use super::wanted::Confirmed;

/// The place of a leased secret in the cache.
pub(super) struct Slot(Mutex<Option<Cached>>);

struct Cached {
    confirmed: Confirmed,
    /// Asked for since it was read or renewed. Who had it read does not count: it may have been read for nobody.
    used: bool,
    /// Two thirds of its life went by and nobody asked for it.
    idle: bool,
}

impl Slot {
    /// A place with `confirmed` in it.
    pub(super) fn new(confirmed: Confirmed) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Cached { confirmed, used: false, idle: false }))))
    }

    /// The secret for a caller, where it is good for a while yet.
    pub(super) fn fresh(&self, now: Instant) -> Option<Confirmed> {
        let mut cached = self.lock();
        let cached = cached.as_mut().filter(|cached| !cached.idle && !cached.confirmed.expired(now))?;
        cached.used = true;
        Some(cached.confirmed.clone())
    }

    /// The secret as it is, used or not.
    pub(super) fn peek(&self) -> Option<Confirmed> {
        self.lock().as_ref().map(|cached| cached.confirmed.clone())
    }

    /// Empties the place: the cache does not hold the secret any more.
    pub(super) fn clear(&self) {
        let cached = self.lock().take();
        // Outside the lock: this may be the last hold on the lease.
        drop(cached);
    }

    /// Whether the secret was asked for since it was read or renewed; where not, nobody gets it any more.
    pub(super) fn used(&self, now: Instant) -> bool {
        self.lock().as_mut().is_some_and(|cached| {
            cached.idle |= !cached.used || cached.confirmed.expired(now);
            !cached.idle
        })
    }

    /// Takes in that the lease now lasts until `ends`.
    pub(super) fn renewed(&self, now: Instant, ends: Instant) {
        if let Some(cached) = self.lock().as_mut() {
            cached.confirmed.at = now;
            cached.confirmed.ends = Some(ends);
            cached.used = false;
        }
    }

    /// The number of the secret's lease.
    pub(super) fn number(&self) -> Option<u64> {
        self.lock().as_ref()?.confirmed.credential.lease.as_ref().map(LeaseGuard::number)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Cached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
