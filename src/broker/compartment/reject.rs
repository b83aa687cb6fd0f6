//! What follows when a service rejects a credential: the secret is read anew, then its previous state.
//!
//! A rejected credential is either out of date here, or ahead of the service (a rotation in progress), or simply wrong.
//! The first is mended by reading anew past the cache, the second by the previous state, the third by nothing; and a
//! thousand calls with a wrong password must not become a thousand reads. So what one re-read found is remembered per
//! secret version for `reject_interval`, and whoever asks meanwhile is told the same.
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
use super::{Compartment, Walls, deadline, later};
use crate::broker::Credential;

/// What re-reads found lately.
pub(super) struct Rejections {
    /// By the secret and its rejected version.
    table: moka::sync::Cache<(Arc<Wanted>, Version), Arc<Reread>>,
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
    pub(super) fn new(walls: &Walls) -> Self {
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
        if let Some(Ok(known)) = self.cache.fresh(wanted, Instant::now())
            && known.credential.version() != rejected.version()
        {
            return Ok(Some(known.credential));
        }
        match self.reread(wanted, rejected.version(), deadline).await {
            Ok(found) => Ok(found.map(|confirmed| confirmed.credential)),
            Err(error) if error.allows_stale() => {
                tracing::debug!(vault = %self.name, path = %wanted.path, reason = %error, "no re-read after a rejection");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn reread(self: &Arc<Self>, wanted: &Arc<Wanted>, rejected: &Version, deadline: Instant) -> Found {
        let _seat = self.room.enter()?;
        let now = Instant::now();
        let key = (Arc::clone(wanted), rejected.clone());
        // One decision per key at a time: of all who ask at once, one starts the re-read.
        let mut found = None;
        self.rejections.table.entry(key).and_compute_with(|known| {
            let known = known.map(|entry| entry.into_value());
            if let Some(reread) = known.filter(|reread| self.rejections.remembered(reread, now)) {
                found = Some(reread.found.clone());
                return Op::Nop;
            }
            let started = self.start_reread(Arc::clone(wanted), rejected.clone());
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
            if *current.credential.version() != rejected {
                return Ok(Some(current));
            }
            if !this.vault.info().capabilities.previous {
                return Ok(None);
            }
            match this.read(&wanted, Stage::Previous).await {
                Ok(secret) if secret.version == rejected => Ok(None),
                Ok(secret) => Ok(Some(wanted.confirmed(secret, Stage::Previous))),
                Err(error) if error.allows_stale() => Err(error),
                Err(_) => Ok(None),
            }
        })
    }
}
