//! What follows when a service rejects a credential: the secret is read anew, then its previous state.
//!
//! A rejected credential is either out of date here, or ahead of the service (a rotation in progress), or simply wrong.
//! The first is mended by reading anew past the cache, the second by the previous state, the third by nothing; and a
//! thousand calls with a wrong password must not become a thousand reads. So what one re-read found is remembered per
//! secret version for `reject_interval`, and whoever asks meanwhile is told the same.
//!
//! A secret with a lease is another one at each read, so its version bounds nothing: such a secret is read anew once per
//! `reject_interval`, whatever its version. What was found stays in the cache and only there: remembered here, it would
//! hold its lease.
//!
//! A re-read that the vault failed found nothing, and is not remembered: the breaker bounds what those cost. Its
//! callers are told that there is nothing else to try, for the service's answer is what they have to act on.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{Stage, VaultError, Version};
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use tokio::time::Instant;

use super::pending::Pending;
use super::wanted::{Confirmed, Wanted};
use super::{Compartment, CompartmentPolicy, deadline, later};
use crate::broker::Credential;

/// What re-reads found lately.
pub(super) struct Rejections {
    /// By the secret and its rejected version, where that says anything.
    table: moka::sync::Cache<(Arc<Wanted>, Option<Version>), Arc<Reread>>,
    interval: Duration,
}

struct Reread {
    started: Instant,
    found: Pending<Found>,
}

/// What a re-read found: another credential, nothing else to try, or why it failed.
type Found = Result<Option<Confirmed>, VaultError>;

impl Rejections {
    /// Remembers as many rejections as the cache does secrets, and at least one for each caller that may wait.
    pub(super) fn new(walls: &CompartmentPolicy) -> Self {
        let entries = walls.cache_entries.max(walls.max_waiting as u64);
        let table =
            moka::sync::Cache::builder().max_capacity(entries).eviction_policy(EvictionPolicy::lru()).build();
        Self { table, interval: walls.reject_interval }
    }

    fn remembered(&self, reread: &Reread, now: Instant) -> bool {
        match reread.found.peek() {
            None => reread.found.running(),
            Some(Err(error)) if error.allows_stale() => false,
            Some(found) => {
                let expired = matches!(&found, Ok(Some(other)) if other.expired(now));
                now < later(reread.started, self.interval) && !expired
            }
        }
    }
}

impl Compartment {
    /// What to try after the service rejected `rejected`, or `None` where there is nothing else.
    ///
    /// # Errors
    ///
    /// Why the secret cannot be used any more: it is gone, denied or malformed. A vault that cannot answer is no error
    /// here but `None`.
    pub(in crate::broker) async fn after_rejection(
        self: &Arc<Self>,
        wanted: &Arc<Wanted>,
        rejected: &Credential,
        deadline: Instant,
    ) -> Result<Option<Arc<Credential>>, VaultError> {
        // The current state was rejected before this one was tried.
        if rejected.stage == Stage::Previous {
            return Ok(None);
        }
        if let Some(known) = self.another(wanted, rejected) {
            return Ok(Some(known));
        }
        match self.reread(wanted, rejected, deadline).await {
            Ok(Some(found)) => Ok(Some(found.credential)),
            Ok(None) => Ok(self.another(wanted, rejected)),
            Err(error) if error.allows_stale() => {
                tracing::debug!(vault = %self.name, path = %wanted.path, reason = %error, "no re-read after a rejection");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What the cache has in place of `rejected`.
    fn another(&self, wanted: &Wanted, rejected: &Credential) -> Option<Arc<Credential>> {
        let known = self.cache.fresh(wanted, Instant::now())?.ok()?.credential;
        (known.version() != rejected.version()).then_some(known)
    }

    async fn reread(
        self: &Arc<Self>,
        wanted: &Arc<Wanted>,
        rejected: &Credential,
        deadline: Instant,
    ) -> Found {
        let _seat = self.room.enter()?;
        let now = Instant::now();
        let leased = rejected.secret.lease.is_some();
        let key = (Arc::clone(wanted), (!leased).then(|| rejected.version().clone()));
        // One decision per key at a time: of all who ask at once, one starts the re-read.
        let mut found = None;
        self.rejections.table.entry(key).and_compute_with(|known| {
            let known = known.map(|entry| entry.into_value());
            if let Some(reread) = known.filter(|reread| self.rejections.remembered(reread, now)) {
                found = Some(reread.found.clone());
                return Op::Nop;
            }
            let started = self.start_reread(Arc::clone(wanted), rejected.version().clone());
            found = Some(started.clone());
            Op::Put(Arc::new(Reread { started: now, found: started }))
        });
        match found {
            Some(found) => deadline::wait(found, deadline).await?,
            None => Ok(None),
        }
    }

    fn start_reread(self: &Arc<Self>, wanted: Arc<Wanted>, rejected: Version) -> Pending<Found> {
        let this = Arc::clone(self);
        Pending::spawn(&self.tasks, async move {
            let current = deadline::answered(this.fill_anew(&wanted)?.answer().await)??;
            if current.credential.lease.is_some() {
                return Ok(None);
            }
            if *current.credential.version() != rejected {
                return Ok(Some(current));
            }
            if !this.vault.info().capabilities.previous {
                return Ok(None);
            }
            match this.read(&wanted, Stage::Previous).await {
                Ok(previous) if *previous.credential.version() == rejected => Ok(None),
                Ok(previous) => Ok(Some(previous)),
                Err(error) if error.allows_stale() => Err(error),
                Err(_) => Ok(None),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::ErrorKind;
    use cofferdam_vault::testkit::{Calls, Fault};
    use tokio::task::JoinSet;
    use tokio::time::advance;

    use super::*;
    use crate::broker::compartment::CompartmentState;
    use crate::broker::compartment::testing::{Rig, SECOND, patient, text};

    async fn current(rig: &Rig) -> Arc<Credential> {
        rig.compartment.resolve(&Rig::wanted("github/work"), patient()).await.unwrap()
    }

    async fn rejected(rig: &Rig, credential: &Credential) -> Option<(String, Stage)> {
        let wanted = Rig::wanted("github/work");
        let next = rig.compartment.after_rejection(&wanted, credential, patient()).await.unwrap();
        next.map(|next| (text(&next), next.stage))
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_rejections_of_one_version_cause_one_read_anew() {
        let rig = Rig::new(CompartmentPolicy::default());
        let old = current(&rig).await;
        rig.memory.put("github/work", [("token", "two")]);
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let mut calls = JoinSet::new();
        for _ in 0..1_000 {
            let (compartment, old) = (Arc::clone(&rig.compartment), Arc::clone(&old));
            calls.spawn(async move {
                compartment.after_rejection(&Rig::wanted("github/work"), &old, patient()).await
            });
        }
        for next in calls.join_all().await {
            assert_eq!(text(&next.unwrap().unwrap()), "two");
        }
        assert_eq!(rig.reads(), 2);
        assert_eq!(text(&*current(&rig).await), "two", "and it is in the cache");
        assert_eq!(rejected(&rig, &old).await, Some(("two".into(), Stage::Current)));
        assert_eq!(rig.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unchanged_secret_is_followed_by_its_previous_state_and_then_by_nothing() {
        let rig = Rig::new(CompartmentPolicy::default());
        rig.memory.put("github/work", [("token", "two")]);
        let ahead = current(&rig).await;
        let wanted = Rig::wanted("github/work");
        let next = rig.compartment.after_rejection(&wanted, &ahead, patient()).await.unwrap().unwrap();
        assert_eq!((text(&next), next.stage), ("one".into(), Stage::Previous));
        assert_eq!(rig.reads(), 3);
        assert_eq!(rejected(&rig, &next).await, None);
        assert_eq!(rejected(&rig, &ahead).await, Some(("one".into(), Stage::Previous)));
        assert_eq!(rig.reads(), 3, "both are remembered");
        assert_eq!(text(&*current(&rig).await), "two", "the previous state is never taken for the current");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_password_is_read_once_an_interval() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wrong = current(&rig).await;
        for _ in 0..60 {
            assert_eq!(rejected(&rig, &wrong).await, None);
            advance(SECOND).await;
        }
        // Twice in 60 s, the current state and the previous one, and the first read.
        assert_eq!(rig.reads(), 1 + 2 * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_of_zero_reads_at_each_rejection() {
        let rig =
            Rig::new(CompartmentPolicy { reject_interval: Duration::ZERO, ..CompartmentPolicy::default() });
        let wrong = current(&rig).await;
        for _ in 0..3 {
            assert_eq!(rejected(&rig, &wrong).await, None);
        }
        assert_eq!(rig.reads(), 1 + 2 * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_version_that_is_known_already_needs_no_read() {
        let rig = Rig::new(CompartmentPolicy { cache_ttl: 10 * SECOND, ..CompartmentPolicy::default() });
        let old = current(&rig).await;
        rig.memory.put("github/work", [("token", "two")]);
        advance(10 * SECOND).await;
        current(&rig).await;
        assert_eq!(rejected(&rig, &old).await, Some(("two".into(), Stage::Current)));
        assert_eq!(rig.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_cannot_answer_leaves_nothing_to_try_and_is_asked_again_when_it_can() {
        let rig = Rig::new(CompartmentPolicy { retries: 0, ..CompartmentPolicy::default() });
        let old = current(&rig).await;
        rig.memory.put("github/work", [("token", "two")]);
        rig.faults.once(Calls::Reads, Fault::vault(ErrorKind::Unavailable));
        assert_eq!(rejected(&rig, &old).await, None);
        assert_eq!(rejected(&rig, &old).await, Some(("two".into(), Stage::Current)));
        rig.give_up(ErrorKind::Unavailable).await;
        let two = current(&rig).await;
        let reads = rig.reads();
        assert_eq!(rejected(&rig, &two).await, None);
        assert_eq!((rig.reads(), rig.status().state), (reads, CompartmentState::Degraded));
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_is_gone_is_an_error_and_leaves_the_cache() {
        let rig = Rig::new(CompartmentPolicy::default());
        let old = current(&rig).await;
        rig.memory.remove("github/work");
        let wanted = Rig::wanted("github/work");
        for _ in 0..3 {
            let error = rig.compartment.after_rejection(&wanted, &old, patient()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
        assert_eq!(rig.reads(), 2);
        assert_eq!(rig.kind().await, Some(ErrorKind::NotFound));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rejection_never_trusts_a_read_that_began_before_it() {
        let rig = Rig::new(CompartmentPolicy { cache_ttl: 10 * SECOND, ..CompartmentPolicy::default() });
        let old = current(&rig).await;
        advance(10 * SECOND).await;
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let _refresh = rig.compartment.fill(&Rig::wanted("github/work")).unwrap();
        advance(SECOND / 2).await;
        let start = Instant::now();
        rig.memory.put("github/work", [("token", "two")]);
        assert_eq!(rejected(&rig, &old).await, Some(("two".into(), Stage::Current)));
        assert_eq!((rig.reads(), start.elapsed()), (3, SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_waits_only_as_long_as_it_may() {
        let rig = Rig::new(CompartmentPolicy::default());
        let old = current(&rig).await;
        rig.faults.set(Calls::Reads, Fault::Hang);
        let hurry = Instant::now() + SECOND;
        let next = rig.compartment.after_rejection(&Rig::wanted("github/work"), &old, hurry).await.unwrap();
        assert!(next.is_none());
        assert_eq!(Instant::now(), hurry);
    }
}
