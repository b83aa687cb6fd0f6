//! Prefetch at start.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::ErrorKind;
use cofferdam_vault::testkit::{Calls, Fault, path};
use tokio::time::Instant;

use super::rig::{Rig, SECOND, settle};
use crate::broker::compartment::{CacheKey, CompartmentPolicy, CompartmentState};

/// The size of a batch.
const BATCH: usize = 20;

/// Puts `count` secrets into the rig's vault and returns their keys.
fn put_secrets(rig: &Rig, count: usize) -> Vec<Arc<CacheKey>> {
    (0..count)
        .map(|n| {
            let at = format!("module/m{n}");
            rig.memory.put(&at, [("token", "one")]);
            Rig::key(&at)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn two_hundred_secrets_take_ten_requests_and_later_calls_none() {
    let rig = Rig::new(CompartmentPolicy::default());
    let keys = put_secrets(&rig, 200);
    assert!(rig.compartment.prefetch(&keys).await.iter().all(|found| *found == Some(Ok(()))));
    for n in 0..200 {
        assert_eq!(rig.token_of(&format!("module/m{n}")).await.unwrap(), "one");
    }
    let requests = rig.memory.requests();
    assert_eq!((requests.read_many, requests.read), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_misses_meanwhile_joins_the_batch() {
    let rig = Rig::new(CompartmentPolicy::default());
    let keys = put_secrets(&rig, 3);
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let (_, token) = tokio::join!(rig.compartment.prefetch(&keys), async {
        settle().await;
        rig.token_of("module/m1").await
    });
    assert_eq!((token.unwrap().as_str(), rig.reads()), ("one", 1));
}

#[tokio::test(start_paused = true)]
async fn an_absent_secret_is_reported_and_cached_and_affects_no_other() {
    let rig = Rig::new(CompartmentPolicy::default());
    let mut keys = put_secrets(&rig, 2);
    keys.insert(1, Rig::key("module/absent"));
    let found = rig.compartment.prefetch(&keys).await;
    let kinds: Vec<_> = found.into_iter().map(|found| found.unwrap().err().map(|e| e.kind())).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::NotFound), None]);
    rig.token_of("module/absent").await.unwrap_err();
    assert_eq!(rig.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_secret_that_creates_a_lease_is_prefetched() {
    let rig = Rig::new(CompartmentPolicy::default());
    let mut keys = put_secrets(&rig, 2);
    rig.memory.serve_dynamic(&path("db/ro"), 30 * SECOND);
    keys.push(Rig::key("db/ro"));
    assert_eq!(rig.compartment.prefetch(&keys).await, [Some(Ok(())), Some(Ok(())), None]);
    assert_eq!(rig.memory.leases(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_is_retried_like_a_read() {
    let rig = Rig::new(CompartmentPolicy::default());
    let keys = put_secrets(&rig, 5);
    rig.faults.once(Calls::Reads, Fault::throttled(Some(SECOND)));
    let start = Instant::now();
    assert!(rig.compartment.prefetch(&keys).await.iter().all(|found| *found == Some(Ok(()))));
    assert_eq!((rig.reads(), start.elapsed()), (2, SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_fails_ends_it_after_one_batch_and_is_counted() {
    let rig = Rig::new(CompartmentPolicy::default());
    let keys = put_secrets(&rig, 200);
    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Unavailable));
    let found = rig.compartment.prefetch(&keys).await;
    assert_eq!(found.iter().filter(|found| found.is_some()).count(), BATCH);
    assert_eq!(rig.reads(), 3, "one batch and its retries");
    rig.compartment.prefetch(&keys).await;
    assert_eq!((rig.reads(), rig.status().state), (5, CompartmentState::Down));
}

#[tokio::test(start_paused = true)]
async fn a_slow_vault_delays_a_start_by_no_more_than_a_reads_deadline() {
    let rig = Rig::new(CompartmentPolicy::default());
    let keys = put_secrets(&rig, 200);
    rig.faults.set(Calls::Reads, Fault::Delay(3 * SECOND / 2));
    let start = Instant::now();
    let found = rig.compartment.prefetch(&keys).await;
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(found.iter().filter(|found| **found == Some(Ok(()))).count(), 3 * BATCH);
    assert_eq!(rig.faults.max_in_flight(), 1, "one batch after the other");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.reads(), 4, "and the rest is not read later");
}
