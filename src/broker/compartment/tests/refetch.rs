//! Refetches after a service rejected a credential.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::testkit::{Calls, Fault};
use cofferdam_vault::{ErrorKind, Stage};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance};

use super::rig::{Rig, SECOND, far_deadline, token_in};
use crate::broker::compartment::{CompartmentPolicy, CompartmentState};
use crate::broker::credential::Credential;

async fn current(rig: &Rig) -> Arc<Credential> {
    rig.compartment.resolve(&Rig::key("github/work"), far_deadline()).await.unwrap()
}

async fn rejected(rig: &Rig, credential: &Credential) -> Option<(String, Stage)> {
    let key = Rig::key("github/work");
    let next = rig.compartment.after_rejection(&key, credential, far_deadline()).await.unwrap();
    next.map(|next| (token_in(&next), next.stage))
}

#[tokio::test(start_paused = true)]
async fn a_thousand_rejections_of_one_version_cause_one_refetch() {
    let rig = Rig::new(CompartmentPolicy::default());
    let old = current(&rig).await;
    rig.memory.put("github/work", [("token", "two")]);
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let (compartment, old) = (Arc::clone(&rig.compartment), Arc::clone(&old));
        calls.spawn(async move {
            compartment.after_rejection(&Rig::key("github/work"), &old, far_deadline()).await
        });
    }
    for next in calls.join_all().await {
        assert_eq!(token_in(&next.unwrap().unwrap()), "two");
    }
    assert_eq!(rig.reads(), 2);
    assert_eq!(token_in(&*current(&rig).await), "two", "and it is in the cache");
    assert_eq!(rejected(&rig, &old).await, Some(("two".into(), Stage::Current)));
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_secret_is_followed_by_its_previous_state_and_then_by_nothing() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.memory.put("github/work", [("token", "two")]);
    let ahead = current(&rig).await;
    let key = Rig::key("github/work");
    let next = rig.compartment.after_rejection(&key, &ahead, far_deadline()).await.unwrap().unwrap();
    assert_eq!((token_in(&next), next.stage), ("one".into(), Stage::Previous));
    assert_eq!(rig.reads(), 3);
    assert_eq!(rejected(&rig, &next).await, None);
    assert_eq!(rejected(&rig, &ahead).await, Some(("one".into(), Stage::Previous)));
    assert_eq!(rig.reads(), 3, "both are remembered");
    assert_eq!(token_in(&*current(&rig).await), "two", "the previous state is never taken for the current");
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
    let rig = Rig::new(CompartmentPolicy { reject_interval: Duration::ZERO, ..CompartmentPolicy::default() });
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
    rig.open_circuit(ErrorKind::Unavailable).await;
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
    let key = Rig::key("github/work");
    for _ in 0..3 {
        let error = rig.compartment.after_rejection(&key, &old, far_deadline()).await.unwrap_err();
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
    let _refresh = rig.compartment.loader.load(&Rig::key("github/work")).unwrap();
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
    let next = rig.compartment.after_rejection(&Rig::key("github/work"), &old, hurry).await.unwrap();
    assert!(next.is_none());
    assert_eq!(Instant::now(), hurry);
}
