//! The cache: what the vault said, and how long that may be served.
//!
//! Two ages end a cached secret. `cache_ttl` after the vault confirmed it, it is read anew. `stale_for` after the vault
//! confirmed it, it is not served any more even if the vault is out of reach. Both count from the vault's last answer,
//! and the secret's own expiry cuts both. Nothing but an answer of the vault moves them.
//!
//! A caller who comes when a secret's time is nearly over is served, and has it read anew for those who come after: nobody
//! waits for a secret that is in use, and a vault that is out of reach is found out before anybody could.
//!
//! A secret with a lease is served until the lease ends, and neither age counts: reading it again would not confirm it but
//! make another one, and its lease is the vault's word for how long it is good. See [`lease`](super::lease).
//!
//! A secret that is absent or denied is remembered as such for `missing_ttl`, and not longer: it may be written, or the
//! grant mended, at any moment. Asked at every call, the vault would have more to do, and to write into its audit log, for
//! a module that may not read than for all that may.
//!
//! moka serves as a bounded map alone. Its clock cannot be replaced and its loads run inside a caller, so expiry stands
//! in the value, and loads are [fills](super::fill). Eviction is by last use: with the default policy a full cache turns
//! newcomers away, and a user's first secret would be read again on each call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_vault::VaultError;
use moka::policy::EvictionPolicy;
use tokio::time::Instant;

use super::fill::Answer;
use super::slot::Slot;
use super::wanted::{Confirmed, Wanted};
use super::{CompartmentPolicy, later};
use crate::broker::Credential;

/// What the vault last said about each secret.
pub(super) struct Cache {
    /// `None` where `cache_entries` is zero.
    map: Option<moka::sync::Cache<Arc<Wanted>, Held>>,
    ttl: Duration,
    stale_for: Duration,
    missing_ttl: Duration,
    /// How long before its time is over a secret is read anew, where it is asked for.
    ahead: Duration,
    /// Until when at least one secret may be served without the vault. An upper bound between two
    /// [counts](Cache::recount): what was evicted since may have been the last.
    servable_until: Mutex<Option<Instant>>,
}

#[derive(Clone)]
enum Held {
    Found(Confirmed),
    Leased(Arc<Slot>),
    Refused { error: Arc<VaultError>, until: Instant },
}

impl Cache {
    /// An empty cache.
    pub(super) fn new(walls: &CompartmentPolicy) -> Self {
        let map = (walls.cache_entries > 0).then(|| {
            moka::sync::Cache::builder()
                .max_capacity(walls.cache_entries)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(|_, held, _| {
                    if let Held::Leased(slot) = held {
                        slot.clear();
                    }
                })
                .build()
        });
        Self {
            map,
            ttl: walls.cache_ttl,
            stale_for: walls.stale_for,
            missing_ttl: walls.missing_ttl,
            ahead: walls.attempt_timeout,
            servable_until: Mutex::new(None),
        }
    }

    /// The answer that needs no vault now: a secret within its `cache_ttl`, or a refusal within its `missing_ttl`.
    pub(super) fn fresh(&self, wanted: &Wanted, now: Instant) -> Option<Answer> {
        match self.map.as_ref()?.get(wanted)? {
            Held::Found(found) => {
                (now < later(found.at, self.ttl) && !found.expired(now)).then_some(Ok(found))
            }
            Held::Leased(slot) => slot.fresh(now).map(Ok),
            Held::Refused { error, until } => (now < until).then(|| Err((*error).clone())),
        }
    }

    /// Whether the time of `found`, which is fresh, is nearly over: one attempt from its end, and in the second half of its
    /// life. A lease's end is the keeper's to look after.
    pub(super) fn ageing(&self, found: &Confirmed, now: Instant) -> bool {
        let end = later(found.at, self.ttl);
        let end = found.ends.map_or(end, |own| own.min(end));
        let ahead = self.ahead.min(end.saturating_duration_since(found.at) / 2);
        found.credential.lease.is_none() && later(now, ahead) >= end
    }

    /// The secret that may be served although the vault cannot confirm it.
    pub(super) fn stale(&self, wanted: &Wanted, now: Instant) -> Option<Arc<Credential>> {
        let found = self.map.as_ref()?.get(wanted)?.found()?;
        (now < self.end(&found)).then_some(found.credential)
    }

    /// Takes in what the vault said. Of failures, only those that say something about the secret change anything.
    /// Answers the place of a secret with a lease.
    pub(super) fn store(&self, wanted: &Arc<Wanted>, answer: &Answer) -> Option<Arc<Slot>> {
        let map = self.map.as_ref()?;
        let mut leased = None;
        match answer {
            Ok(found) => {
                if found.credential.lease.is_some() {
                    leased = Some(Slot::new(found.clone()));
                }
                let held = leased.clone().map_or_else(|| Held::Found(found.clone()), Held::Leased);
                map.insert(Arc::clone(wanted), held);
                let mut servable_until = self.lock();
                *servable_until = (*servable_until).max(Some(self.end(found)));
            }
            Err(error) if error.evicts() && !self.missing_ttl.is_zero() => {
                let until = later(Instant::now(), self.missing_ttl);
                map.insert(Arc::clone(wanted), Held::Refused { error: Arc::new(error.clone()), until });
            }
            Err(error) if error.evicts() => map.invalidate(wanted),
            Err(_) => {}
        }
        leased
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
            .filter_map(|(_, held)| held.found().map(|found| self.end(&found)))
            .max();
    }

    /// When a secret ends for good: the later of both ages, or its own expiry; a leased one with its lease.
    fn end(&self, found: &Confirmed) -> Instant {
        let end = later(found.at, self.ttl.max(self.stale_for));
        match found.ends {
            Some(expiry) if found.credential.lease.is_some() => expiry,
            Some(expiry) => expiry.min(end),
            None => end,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.servable_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn found(self) -> Option<Confirmed> {
        match self {
            Self::Found(found) => Some(found),
            Self::Leased(slot) => slot.peek(),
            Self::Refused { .. } => None,
        }
    }
}

#[cfg(test)]
impl Cache {
    /// Has moka do now what it puts off: evict what is too much.
    pub(super) fn tidy(&self) {
        self.map.iter().for_each(moka::sync::Cache::run_pending_tasks);
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::ErrorKind;
    use cofferdam_vault::testkit::{Calls, Fault};
    use tokio::time::advance;

    use super::*;
    use crate::broker::compartment::CompartmentState;
    use crate::broker::compartment::testing::{Rig, SECOND, settle};

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_again_when_its_time_is_over_and_not_before() {
        let rig = Rig::new(CompartmentPolicy { cache_ttl: 10 * SECOND, ..CompartmentPolicy::default() });
        rig.token().await.unwrap();
        rig.memory.put("github/work", [("token", "two")]);
        advance(10 * SECOND - Duration::from_millis(1)).await;
        assert_eq!(rig.token().await.unwrap(), "one");
        advance(Duration::from_millis(1)).await;
        assert_eq!(rig.token().await.unwrap(), "two");
        assert_eq!(rig.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_in_use_is_read_anew_before_its_time_is_over_and_once() {
        let rig = Rig::new(CompartmentPolicy::default());
        rig.token().await.unwrap();
        rig.memory.put("github/work", [("token", "two")]);
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        advance(Duration::from_secs(5 * 60) - 2 * SECOND - Duration::from_millis(1)).await;
        rig.token().await.unwrap();
        settle().await;
        assert_eq!(rig.reads(), 1, "not yet");
        advance(Duration::from_millis(1)).await;
        for _ in 0..100 {
            assert_eq!(rig.token().await.unwrap(), "one", "and nobody waits");
        }
        settle().await;
        advance(SECOND).await;
        settle().await;
        assert_eq!((rig.token().await.unwrap().as_str(), rig.reads()), ("two", 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_hangs_while_its_secret_is_in_use_delays_nobody() {
        let rig = Rig::new(CompartmentPolicy::default());
        rig.token().await.unwrap();
        rig.faults.set(Calls::All, Fault::Hang);
        advance(Duration::from_secs(4 * 60 + 55)).await;
        for _ in 0..300 {
            let start = Instant::now();
            assert_eq!(rig.token().await.unwrap(), "one");
            assert_eq!(start.elapsed(), Duration::ZERO);
            // What the call has started begins now, and what time ends is over before the next call.
            settle().await;
            advance(Duration::from_millis(100)).await;
            settle().await;
        }
        assert_eq!(rig.status().state, CompartmentState::Degraded);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_of_a_short_life_is_not_read_at_every_call() {
        let rig = Rig::new(CompartmentPolicy::default());
        rig.memory.set_valid_for(Some(SECOND));
        for _ in 0..100 {
            rig.token().await.unwrap();
            settle().await;
        }
        assert_eq!(rig.reads(), 1, "it is in the first half of its life");
        advance(SECOND / 2).await;
        rig.token().await.unwrap();
        settle().await;
        assert_eq!(rig.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ttl_of_zero_reads_each_time_and_still_bridges_an_outage() {
        let rig = Rig::new(CompartmentPolicy { cache_ttl: Duration::ZERO, ..CompartmentPolicy::default() });
        rig.token().await.unwrap();
        rig.token().await.unwrap();
        assert_eq!(rig.reads(), 2);
        rig.give_up(ErrorKind::Unavailable).await;
        assert_eq!(rig.token().await.unwrap(), "one");
    }

    #[tokio::test(start_paused = true)]
    async fn no_entries_keep_nothing() {
        let rig = Rig::new(CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() });
        rig.token().await.unwrap();
        rig.token().await.unwrap();
        assert_eq!(rig.reads(), 2);
        rig.give_up(ErrorKind::Unavailable).await;
        assert_eq!(rig.kind().await, Some(ErrorKind::Unavailable));
        assert_eq!(rig.status().state, CompartmentState::Down);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_cache_lets_newcomers_in_and_stays_within_its_bound() {
        let rig = Rig::new(CompartmentPolicy { cache_entries: 10, ..CompartmentPolicy::default() });
        for n in 0..100 {
            let at = format!("module/m{n}");
            rig.memory.put(&at, [("token", "one")]);
            rig.token_of(&at).await.unwrap();
        }
        let map = rig.compartment.cache.map.as_ref().unwrap();
        map.run_pending_tasks();
        assert_eq!(map.entry_count(), 10);
        let reads = rig.reads();
        rig.token_of("module/m99").await.unwrap();
        assert_eq!(rig.reads(), reads, "the newest is in");
    }

    #[tokio::test(start_paused = true)]
    async fn an_absence_and_a_denial_are_remembered_for_a_moment() {
        for kind in [ErrorKind::NotFound, ErrorKind::Denied] {
            for (missing_ttl, asked) in [(5 * SECOND, 1), (Duration::ZERO, 3)] {
                let rig = Rig::new(CompartmentPolicy { missing_ttl, ..CompartmentPolicy::default() });
                rig.faults.set(Calls::Reads, Fault::secret(kind));
                for _ in 0..3 {
                    assert_eq!(rig.kind().await, Some(kind));
                }
                assert_eq!(rig.reads(), asked);
                rig.faults.clear();
                advance(missing_ttl).await;
                assert_eq!(rig.token().await.unwrap(), "one", "{kind} for {missing_ttl:?} and no longer");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_vault_has_taken_back_is_never_served_again() {
        for kind in [ErrorKind::NotFound, ErrorKind::Denied] {
            let rig = Rig::new(CompartmentPolicy::default());
            rig.token().await.unwrap();
            advance(Duration::from_secs(5 * 60)).await;
            rig.faults.once(Calls::Reads, Fault::secret(kind));
            assert_eq!(rig.kind().await, Some(kind));
            rig.give_up(ErrorKind::Unavailable).await;
            advance(5 * SECOND).await;
            assert_eq!(rig.kind().await, Some(ErrorKind::Unavailable));
            assert_eq!(rig.status().state, CompartmentState::Down, "{kind}: there is nothing left to serve");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_never_served_past_its_own_expiry() {
        let rig = Rig::new(CompartmentPolicy::default());
        rig.memory.set_valid_for(Some(20 * SECOND));
        rig.token().await.unwrap();
        rig.give_up(ErrorKind::Unavailable).await;
        let given_up = rig.status();
        assert_eq!(given_up.state, CompartmentState::Degraded);
        advance(20 * SECOND - Duration::from_millis(1)).await;
        rig.token().await.unwrap();
        advance(Duration::from_millis(1)).await;
        assert_eq!(rig.kind().await, Some(ErrorKind::Unavailable));
        let status = rig.status();
        assert_eq!(status.state, CompartmentState::Down);
        let since = status.since.duration_since(given_up.since).unwrap();
        assert!(since <= 20 * SECOND && since > 10 * SECOND, "down since it could serve nothing: {since:?}");
    }
}
