//! Watching: cached secrets stay fresh, changed ones are dropped, and a watch that fails costs its own vault little.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::testkit::{Calls, Fault, path};
use cofferdam_vault::{Change, ErrorKind, MAX_SILENCE};
use tokio::time::advance;

use super::rig::{Rig, SECOND, far_deadline, settle};
use crate::broker::compartment::{CompartmentPolicy, CompartmentState};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Advances the clock in steps that no watch is too slow for.
async fn pass(time: Duration) {
    let mut left = time;
    while !left.is_zero() {
        let step = left.min(SECOND);
        advance(step).await;
        settle().await;
        left -= step;
    }
}

/// A compartment whose vault is watched, with `github/work` in the cache.
async fn watched(policy: CompartmentPolicy) -> Rig {
    let rig = Rig::new(policy);
    rig.compartment.start().await;
    settle().await;
    assert_eq!(rig.memory.watches(), 1, "the watch is live");
    assert_eq!(rig.token().await.unwrap(), "one");
    rig
}

fn watches(rig: &Rig) -> usize {
    rig.faults.attempts(Calls::Watches)
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_does_not_change_is_read_once() {
    let rig = watched(CompartmentPolicy::default()).await;
    for _ in 0..60 {
        pass(Duration::from_secs(60)).await;
        assert_eq!(rig.token().await.unwrap(), "one");
    }
    assert_eq!((rig.reads(), watches(&rig)), (1, 1), "one read in an hour");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_by_the_next_call() {
    let rig = watched(CompartmentPolicy::default()).await;
    rig.memory.put("notes/work", [("token", "other")]);
    settle().await;
    assert_eq!((rig.token().await.unwrap().as_str(), rig.reads()), ("one", 1), "another secret changed");
    rig.memory.put("github/work", [("token", "two")]);
    settle().await;
    assert_eq!((rig.token().await.unwrap().as_str(), rig.reads()), ("two", 2));
    rig.memory.remove("github/work");
    settle().await;
    assert_eq!(rig.kind().await, Some(ErrorKind::NotFound));
    rig.memory.put("github/work", [("token", "three")]);
    settle().await;
    assert_eq!(rig.token().await.unwrap(), "three", "its absence is not remembered either");
    rig.memory.report(Change::Any);
    settle().await;
    rig.token().await.unwrap();
    assert_eq!(rig.reads(), 5, "reports may have been lost, so it is read again");
}

#[tokio::test(start_paused = true)]
async fn a_change_during_a_read_starts_another_one_for_later_callers() {
    let rig = watched(CompartmentPolicy::default()).await;
    rig.faults.set(Calls::Reads, Fault::Hang);
    rig.memory.report(Change::Any);
    settle().await;
    let call = |rig: &Rig| {
        let compartment = Arc::clone(&rig.compartment);
        tokio::spawn(async move { compartment.resolve(&Rig::key("github/work"), far_deadline()).await })
    };
    let early = call(&rig);
    settle().await;
    rig.memory.put("github/work", [("token", "two")]);
    settle().await;
    let late = call(&rig);
    settle().await;
    assert_eq!(rig.reads(), 3, "the late caller does not join a read that may return the old secret");
    rig.faults.clear();
    rig.faults.release();
    assert!(early.await.unwrap().is_ok() && late.await.unwrap().is_ok());
    assert_eq!((rig.token().await.unwrap().as_str(), rig.reads()), ("two", 3), "the late one is cached");
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_read_before_a_change_is_not_cached() {
    let rig = watched(CompartmentPolicy::default()).await;
    rig.memory.report(Change::Any);
    settle().await;
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let (early, ()) = tokio::join!(rig.token(), async {
        settle().await;
        rig.memory.report(Change::Secret(path("github/work")));
    });
    early.unwrap();
    rig.token().await.unwrap();
    assert_eq!(rig.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_the_watch_is_read_again_once() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.token().await.unwrap();
    rig.compartment.start().await;
    for _ in 0..20 {
        pass(Duration::from_secs(60)).await;
        rig.token().await.unwrap();
        settle().await;
    }
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_leaves_the_ttl_since_it_was_last_heard() {
    let rig = watched(CompartmentPolicy { cache_ttl: 40 * SECOND, ..CompartmentPolicy::default() }).await;
    pass(HOUR).await;
    rig.faults.set(Calls::Watches, Fault::vault(ErrorKind::Unavailable));
    rig.memory.report(Change::None);
    settle().await;
    rig.memory.break_watches();
    pass(37 * SECOND).await;
    rig.token().await.unwrap();
    assert_eq!(rig.reads(), 1);
    pass(3 * SECOND).await;
    rig.memory.put("github/work", [("token", "two")]);
    assert_eq!((rig.token().await.unwrap().as_str(), rig.reads()), ("two", 2));
    assert_eq!(rig.status().state, CompartmentState::Ready, "a watch that breaks is not an outage");
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_confirms_nothing_and_is_replaced() {
    let rig = watched(CompartmentPolicy { cache_ttl: 40 * SECOND, ..CompartmentPolicy::default() }).await;
    rig.memory.hush_watches();
    pass(40 * SECOND).await;
    rig.memory.put("github/work", [("token", "two")]);
    assert_eq!(rig.token().await.unwrap(), "two", "the TTL bounds how long a change is missed");
    assert_eq!(watches(&rig), 1);
    pass(MAX_SILENCE).await;
    assert_eq!((watches(&rig), rig.memory.watches()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_does_not_go_live_is_given_up_like_an_attempt() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.set(Calls::Watches, Fault::Hang);
    rig.compartment.start().await;
    pass(60 * SECOND).await;
    // Each takes 2 s, and the next one starts 5 s later.
    assert!((8..=9).contains(&watches(&rig)), "{}", watches(&rig));
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_tried_again_at_the_pace_of_probes() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.set(Calls::Watches, Fault::secret(ErrorKind::Denied));
    rig.compartment.start().await;
    pass(60 * SECOND).await;
    assert!((12..=13).contains(&watches(&rig)), "{}", watches(&rig));
    rig.faults.set(Calls::Watches, Fault::throttled(Some(30 * SECOND)));
    let before = watches(&rig);
    pass(60 * SECOND).await;
    assert!((2..=3).contains(&(watches(&rig) - before)), "it asks for a pause: {}", watches(&rig) - before);
    rig.faults.clear();
    pass(30 * SECOND).await;
    assert_eq!(rig.memory.watches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_down_is_not_watched_until_it_is_back() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Unavailable));
    rig.compartment.start().await;
    pass(60 * SECOND).await;
    assert_eq!(watches(&rig), 0);
    rig.faults.clear();
    pass(10 * SECOND).await;
    assert_eq!((watches(&rig), rig.memory.watches()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_watch_confirmed_bridges_an_outage_and_what_changed_does_not() {
    let rig = watched(CompartmentPolicy::default()).await;
    rig.memory.put("notes/work", [("token", "old")]);
    rig.token_of("notes/work").await.unwrap();
    pass(3 * HOUR).await;
    rig.memory.put("notes/work", [("token", "new")]);
    settle().await;
    rig.memory.break_watches();
    settle().await;
    rig.open_circuit(ErrorKind::Unavailable).await;
    assert_eq!(rig.token().await.unwrap(), "one");
    assert_eq!(rig.status().state, CompartmentState::Degraded);
    let changed = rig.token_of("notes/work").await.unwrap_err();
    assert_eq!(changed.kind(), ErrorKind::Unavailable, "its old value is known to be wrong");
    pass(HOUR).await;
    rig.token().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_flooding_watch_is_ended_and_calls_are_served() {
    let rig = watched(CompartmentPolicy::default()).await;
    let mut reports = 0;
    while rig.memory.watches() == 1 && reports < 100_000 {
        for _ in 0..50 {
            rig.memory.report(Change::Secret(path("no/such-secret")));
        }
        reports += 50;
        settle().await;
        rig.token().await.unwrap();
    }
    assert_eq!(rig.memory.watches(), 0, "after {reports} reports");
    assert!((2_000..2_200).contains(&reports), "{reports}");
    assert_eq!(rig.reads(), 2, "what it did not report any more may have been this secret");
    assert_eq!(rig.status().state, CompartmentState::Ready);
    pass(5 * SECOND).await;
    assert_eq!((watches(&rig), rig.memory.watches()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_invents_changes_costs_a_read_for_each_call() {
    let rig = watched(CompartmentPolicy::default()).await;
    for _ in 0..100 {
        rig.memory.report(Change::Secret(path("github/work")));
        settle().await;
        assert_eq!(rig.token().await.unwrap(), "one");
    }
    assert_eq!(rig.reads(), 101);
}

#[tokio::test(start_paused = true)]
async fn without_a_cache_nothing_is_watched() {
    let rig = Rig::new(CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() });
    rig.compartment.start().await;
    pass(10 * SECOND).await;
    assert_eq!(watches(&rig), 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_its_compartment() {
    let rig = watched(CompartmentPolicy::default()).await;
    rig.compartment.close().await;
    settle().await;
    assert_eq!(rig.memory.watches(), 0);
    let rig = watched(CompartmentPolicy::default()).await;
    drop(rig.compartment);
    settle().await;
    assert_eq!(rig.memory.watches(), 0);
}
