//! The cache: ages, refresh ahead, negative entries and eviction.

use std::time::Duration;

use cofferdam_vault::ErrorKind;
use cofferdam_vault::testkit::{Calls, Fault};
use tokio::time::{Instant, advance};

use super::rig::{Rig, SECOND, settle};
use crate::broker::compartment::{CompartmentPolicy, CompartmentState};

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_again_after_cache_ttl_and_not_before() {
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
async fn a_secret_in_use_is_refreshed_ahead_once() {
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
        assert_eq!(rig.token().await.unwrap(), "one", "and no caller waits");
    }
    settle().await;
    advance(SECOND).await;
    settle().await;
    assert_eq!((rig.token().await.unwrap().as_str(), rig.reads()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_while_its_secret_is_in_use_delays_no_caller() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.token().await.unwrap();
    rig.faults.set(Calls::All, Fault::Hang);
    advance(Duration::from_secs(4 * 60 + 55)).await;
    for _ in 0..300 {
        let start = Instant::now();
        assert_eq!(rig.token().await.unwrap(), "one");
        assert_eq!(start.elapsed(), Duration::ZERO);
        // The load that the call started runs now, and its timeout ends before the next call.
        settle().await;
        advance(Duration::from_millis(100)).await;
        settle().await;
    }
    assert_eq!(rig.status().state, CompartmentState::Degraded);
}

#[tokio::test(start_paused = true)]
async fn a_secret_with_a_short_life_is_not_read_on_every_call() {
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
    rig.open_circuit(ErrorKind::Unavailable).await;
    assert_eq!(rig.token().await.unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn no_entries_keep_nothing() {
    let rig = Rig::new(CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() });
    rig.token().await.unwrap();
    rig.token().await.unwrap();
    assert_eq!(rig.reads(), 2);
    rig.open_circuit(ErrorKind::Unavailable).await;
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
    rig.compartment.cache.run_pending_evictions();
    assert_eq!(rig.compartment.cache.entry_count(), 10);
    let reads = rig.reads();
    rig.token_of("module/m99").await.unwrap();
    assert_eq!(rig.reads(), reads, "the newest is in");
}

#[tokio::test(start_paused = true)]
async fn an_absence_and_a_denial_are_cached_for_missing_ttl() {
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
async fn a_revoked_secret_is_never_served_again() {
    for kind in [ErrorKind::NotFound, ErrorKind::Denied] {
        let rig = Rig::new(CompartmentPolicy::default());
        rig.token().await.unwrap();
        advance(Duration::from_secs(5 * 60)).await;
        rig.faults.once(Calls::Reads, Fault::secret(kind));
        assert_eq!(rig.kind().await, Some(kind));
        rig.open_circuit(ErrorKind::Unavailable).await;
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
    rig.open_circuit(ErrorKind::Unavailable).await;
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
