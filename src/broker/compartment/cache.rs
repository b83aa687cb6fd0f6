//! The cache: what the vault said, and how long that may be served.
//!
//! Two ages end a cached secret. `cache_ttl` after the vault confirmed it, it is read anew. `stale_for` after the vault
//! confirmed it, it is not served any more even if the vault is out of reach. Both count from the vault's last answer,
//! and the secret's own expiry cuts both. Nothing but an answer of the vault moves them.
//!
//! A secret that is absent is remembered as absent for `missing_ttl`. One that is denied is forgotten, and not
//! remembered as anything: the grant may be mended at any moment, and the vault is asked again.
//!
//! moka serves as a bounded map alone. Its clock cannot be replaced and its loads run inside a caller, so expiry stands
//! in the value, and loads are [fills](super::fill). Eviction is by last use: with the default policy a full cache turns
//! newcomers away, and a user's first secret would be read again on each call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_vault::{ErrorKind, Scope, VaultError};
use moka::policy::EvictionPolicy;
use tokio::time::Instant;

use super::fill::Answer;
use super::wanted::{Confirmed, Wanted};
use super::{Walls, later};
use crate::broker::Credential;

/// What the vault last said about each secret.
pub(super) struct Cache {
    /// `None` where `cache_entries` is zero.
    map: Option<moka::sync::Cache<Arc<Wanted>, Held>>,
    ttl: Duration,
    stale_for: Duration,
    missing_ttl: Duration,
    /// Until when at least one secret may be served without the vault. An upper bound between two
    /// [counts](Cache::recount): what was evicted since may have been the last.
    servable_until: Mutex<Option<Instant>>,
}

#[derive(Clone)]
enum Held {
    Found(Confirmed),
    Missing { error: Arc<VaultError>, until: Instant },
}

impl Cache {
    /// An empty cache.
    pub(super) fn new(walls: &Walls) -> Self {
        let map = (walls.cache_entries > 0).then(|| {
            moka::sync::Cache::builder()
                .max_capacity(walls.cache_entries)
                .eviction_policy(EvictionPolicy::lru())
                .build()
        });
        Self {
            map,
            ttl: walls.cache_ttl,
            stale_for: walls.stale_for,
            missing_ttl: walls.missing_ttl,
            servable_until: Mutex::new(None),
        }
    }

    /// The answer that needs no vault now: a secret within its `cache_ttl`, or an absence within its `missing_ttl`.
    pub(super) fn fresh(&self, wanted: &Wanted, now: Instant) -> Option<Answer> {
        match self.map.as_ref()?.get(wanted)? {
            Held::Found(found) => {
                (now < later(found.at, self.ttl) && !found.expired(now)).then_some(Ok(found))
            }
            Held::Missing { error, until } => (now < until).then(|| Err((*error).clone())),
        }
    }

    /// The secret that may be served although the vault cannot confirm it.
    pub(super) fn stale(&self, wanted: &Wanted, now: Instant) -> Option<Arc<Credential>> {
        match self.map.as_ref()?.get(wanted)? {
            Held::Found(found) => (now < self.end(&found)).then_some(found.credential),
            Held::Missing { .. } => None,
        }
    }

    /// Takes in what the vault said. Of failures, only those that say something about the secret change anything.
    pub(super) fn store(&self, wanted: &Arc<Wanted>, answer: &Answer) {
        let Some(map) = &self.map else { return };
        match answer {
            Ok(found) => {
                map.insert(Arc::clone(wanted), Held::Found(found.clone()));
                let mut servable_until = self.lock();
                *servable_until = (*servable_until).max(Some(self.end(found)));
            }
            Err(error) if absent(error) && !self.missing_ttl.is_zero() => {
                let until = later(Instant::now(), self.missing_ttl);
                map.insert(Arc::clone(wanted), Held::Missing { error: Arc::new(error.clone()), until });
            }
            Err(error) if error.evicts() => map.invalidate(wanted),
            Err(_) => {}
        }
    }

    /// Until when at least one secret may be served without the vault; `None` where there never was one.
    pub(super) fn servable_until(&self) -> Option<Instant> {
        *self.lock()
    }

    /// Makes [`Cache::servable_until`] exact again. Walks the whole cache, so it runs when the vault is given up, and
    /// not when someone asks: until the vault is back, nothing but time takes from it.
    pub(super) fn recount(&self) {
        let mut servable_until = self.lock();
        *servable_until = self
            .map
            .iter()
            .flatten()
            .filter_map(|(_, held)| match held {
                Held::Found(found) => Some(self.end(&found)),
                Held::Missing { .. } => None,
            })
            .max();
    }

    /// When a secret ends for good: the later of both ages, or its own expiry.
    fn end(&self, found: &Confirmed) -> Instant {
        let end = later(found.at, self.ttl.max(self.stale_for));
        found.expires_at().map_or(end, |expiry| expiry.min(end))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.servable_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn absent(error: &VaultError) -> bool {
    error.kind() == ErrorKind::NotFound && error.scope() == Scope::Secret
}
