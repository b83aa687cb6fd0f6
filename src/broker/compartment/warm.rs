//! The warm start: the secrets that everybody shares are in the cache before the first call asks for them.
//!
//! A thousand modules whose first calls come together would otherwise read a thousand secrets one by one. A store that can
//! batch is asked in batches, one after the other: its own limits for them are low, and fifty replicas start together.
//! One that cannot batch is asked for a few, so that a person who starts the server sees which accounts lack a credential.
//!
//! These reads are fills like others: they pass the same walls, callers who miss meanwhile join them, and after the
//! deadline nobody waits for the rest. What was not read at start is read when it is first asked for. A secret whose read
//! creates a lease always is: nobody may ever ask.

use std::sync::Arc;

use cofferdam_vault::VaultError;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::pending::Pending;
use super::wanted::{Confirmed, Wanted};
use super::{Compartment, deadline, later};

/// How many secrets are asked for in one batch. An attempt's time-out is for one batch: this many fit into it even where
/// the store turns out to read them one by one.
const BATCH: usize = 20;

/// How many secrets are read at start where the store cannot batch. A laptop's profile has a handful.
const ALONE: usize = 50;

impl Compartment {
    /// Reads `wanted` into the cache, within the deadline of one read. Answers how each was found, in their order;
    /// `None` for one that was not looked at.
    pub(in crate::broker) async fn prefetch(
        self: &Arc<Self>,
        wanted: &[Arc<Wanted>],
    ) -> Vec<Option<Result<(), VaultError>>> {
        let end = later(Instant::now(), self.walls.deadline);
        let batch = self.vault.info().capabilities.batch;
        let kept = usize::try_from(self.walls.cache_entries).unwrap_or(usize::MAX);
        let most = if batch { kept.max(ALONE) } else { ALONE };
        let mut found = vec![None; wanted.len()];
        let looked_at: Vec<usize> =
            (0..wanted.len()).filter(|&n| !self.vault.creates_lease(&wanted[n].path)).take(most).collect();
        for part in looked_at.chunks(if batch { BATCH } else { ALONE }) {
            let asked: Vec<_> = part.iter().map(|&n| Arc::clone(&wanted[n])).collect();
            let fills =
                if batch { self.fill_many(&asked) } else { asked.iter().map(|one| self.fill(one)).collect() };
            let answers = join_all(fills.into_iter().map(|fill| answered(fill, end))).await;
            let out_of_reach =
                |answer: &Result<(), VaultError>| answer.as_ref().is_err_and(VaultError::allows_stale);
            let given_up = answers.iter().all(out_of_reach);
            for (&n, answer) in part.iter().zip(answers) {
                found[n] = Some(answer);
            }
            if given_up || Instant::now() >= end {
                break;
            }
        }
        found
    }
}

async fn answered(
    fill: Result<Pending<Result<Confirmed, VaultError>>, VaultError>,
    end: Instant,
) -> Result<(), VaultError> {
    deadline::wait(fill?, end).await?.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cofferdam_vault::ErrorKind;
    use cofferdam_vault::testkit::{Calls, Fault, path};

    use super::*;
    use crate::broker::compartment::testing::{Rig, SECOND, settle};
    use crate::broker::compartment::{CompartmentPolicy, CompartmentState};

    /// `count` secrets in the rig's vault, each found as its token says.
    fn many(rig: &Rig, count: usize) -> Vec<Arc<Wanted>> {
        (0..count)
            .map(|n| {
                let at = format!("module/m{n}");
                rig.memory.put(&at, [("token", "one")]);
                Rig::wanted(&at)
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn two_hundred_secrets_take_ten_requests_and_later_calls_none() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = many(&rig, 200);
        assert!(rig.compartment.prefetch(&wanted).await.iter().all(|found| *found == Some(Ok(()))));
        for n in 0..200 {
            assert_eq!(rig.token_of(&format!("module/m{n}")).await.unwrap(), "one");
        }
        let requests = rig.memory.requests();
        assert_eq!((requests.read_many, requests.read), (10, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_misses_meanwhile_joins_the_batch() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = many(&rig, 3);
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let (_, token) = tokio::join!(rig.compartment.prefetch(&wanted), async {
            settle().await;
            rig.token_of("module/m1").await
        });
        assert_eq!((token.unwrap().as_str(), rig.reads()), ("one", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_absent_secret_is_told_and_remembered_and_takes_nobody_with_it() {
        let rig = Rig::new(CompartmentPolicy::default());
        let mut wanted = many(&rig, 2);
        wanted.insert(1, Rig::wanted("module/absent"));
        let found = rig.compartment.prefetch(&wanted).await;
        let kinds: Vec<_> = found.into_iter().map(|found| found.unwrap().err().map(|e| e.kind())).collect();
        assert_eq!(kinds, [None, Some(ErrorKind::NotFound), None]);
        rig.token_of("module/absent").await.unwrap_err();
        assert_eq!(rig.reads(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn no_login_is_made_for_nobody() {
        let rig = Rig::new(CompartmentPolicy::default());
        let mut wanted = many(&rig, 2);
        rig.memory.serve_dynamic(&path("db/ro"), 30 * SECOND);
        wanted.push(Rig::wanted("db/ro"));
        assert_eq!(rig.compartment.prefetch(&wanted).await, [Some(Ok(())), Some(Ok(())), None]);
        assert_eq!(rig.memory.leases(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_batch_is_retried_like_a_read() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = many(&rig, 5);
        rig.faults.once(Calls::Reads, Fault::throttled(Some(SECOND)));
        let start = Instant::now();
        assert!(rig.compartment.prefetch(&wanted).await.iter().all(|found| *found == Some(Ok(()))));
        assert_eq!((rig.reads(), start.elapsed()), (2, SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_fails_ends_it_after_one_batch_and_is_counted() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = many(&rig, 200);
        rig.faults.set(Calls::All, Fault::vault(ErrorKind::Unavailable));
        let found = rig.compartment.prefetch(&wanted).await;
        assert_eq!(found.iter().filter(|found| found.is_some()).count(), BATCH);
        assert_eq!(rig.reads(), 3, "one batch and its retries");
        rig.compartment.prefetch(&wanted).await;
        assert_eq!((rig.reads(), rig.status().state), (5, CompartmentState::Down));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_vault_delays_a_start_by_no_more_than_a_reads_deadline() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = many(&rig, 200);
        rig.faults.set(Calls::Reads, Fault::Delay(3 * SECOND / 2));
        let start = Instant::now();
        let found = rig.compartment.prefetch(&wanted).await;
        assert_eq!(start.elapsed(), 5 * SECOND);
        assert_eq!(found.iter().filter(|found| **found == Some(Ok(()))).count(), 3 * BATCH);
        assert_eq!(rig.faults.max_in_flight(), 1, "one batch after the other");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(rig.reads(), 4, "and what is left is not read behind its back");
    }
}
