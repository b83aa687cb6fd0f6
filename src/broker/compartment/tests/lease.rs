//! Leases: what callers get, and what stays open at the vault.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::testkit::{Calls, Fault, path};
use cofferdam_vault::{ErrorKind, Lease};
use tokio::time::{Instant, advance};

use super::rig::{Rig, SECOND, far_deadline, settle};
use crate::broker::compartment::{CompartmentPolicy, CompartmentState};
use crate::broker::credential::Credential;

const LIFE: Duration = Duration::from_secs(30);

/// A rig in which each read of `github/work` creates a login with a lease of 30 s.
fn leased(policy: CompartmentPolicy) -> Rig {
    let rig = Rig::new(policy);
    rig.memory.serve_dynamic(&path("github/work"), LIFE);
    rig
}

async fn login(rig: &Rig) -> Arc<Credential> {
    rig.compartment.resolve(&Rig::key("github/work"), far_deadline()).await.unwrap()
}

fn lease(credential: &Credential) -> &Lease {
    credential.secret.lease.as_ref().unwrap()
}

/// Resolves once a second for `seconds` and returns the logins. Asserts that none of them had ended.
async fn work(rig: &Rig, seconds: u64) -> HashSet<String> {
    let mut logins = HashSet::new();
    for _ in 0..seconds {
        let start = Instant::now();
        let credential = login(rig).await;
        assert_eq!(start.elapsed(), Duration::ZERO, "no caller waits while the vault works");
        assert!(rig.memory.is_running(lease(&credential)), "a login was returned that had ended");
        logins.insert(lease(&credential).id.clone());
        drop(credential);
        pass(SECOND).await;
    }
    logins
}

/// Advances the clock by `span` in steps that are short compared to a lease, so that due tasks run.
async fn pass(span: Duration) {
    let end = Instant::now() + span;
    while Instant::now() < end {
        settle().await;
        advance((SECOND / 2).min(end - Instant::now())).await;
    }
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_used_lease_is_renewed_forever_and_read_once_however_short_cache_ttl_is() {
    let rig = leased(CompartmentPolicy {
        cache_ttl: SECOND,
        stale_for: Duration::ZERO,
        ..CompartmentPolicy::default()
    });
    assert_eq!(work(&rig, 600).await.len(), 1);
    assert_eq!((rig.memory.requests().read, rig.memory.leases()), (1, 1));
    let renewals = rig.memory.requests().renew;
    assert!((28..=30).contains(&renewals), "every 20 s or 21: {renewals}");
}

#[tokio::test(start_paused = true)]
async fn an_unused_lease_is_left_to_expire() {
    let rig = leased(CompartmentPolicy::default());
    drop(login(&rig).await);
    pass(2 * LIFE).await;
    assert_eq!((rig.memory.requests().renew, rig.memory.leases()), (0, 0));
    drop(login(&rig).await);
    assert_eq!(rig.memory.requests().read, 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_no_longer_used_is_left_to_expire() {
    let rig = leased(CompartmentPolicy::default());
    work(&rig, 45).await;
    pass(3 * LIFE).await;
    let requests = rig.memory.requests();
    assert_eq!((requests.read, requests.renew, rig.memory.leases()), (1, 3, 0), "once more for its last use");

    let rig = leased(CompartmentPolicy::default());
    rig.memory.limit_leases(LIFE);
    work(&rig, 10).await;
    pass(3 * LIFE).await;
    assert_eq!((rig.memory.requests().read, rig.memory.leases()), (2, 0), "and replaced once, not forever");
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_the_last_third_of_an_unused_lease_gets_a_new_one_and_the_old_one_is_released() {
    let rig = leased(CompartmentPolicy::default());
    let first = lease(&*login(&rig).await).clone();
    pass(LIFE - SECOND).await;
    assert!(rig.memory.is_running(&first));
    let second = lease(&*login(&rig).await).clone();
    settle().await;
    assert!(!rig.memory.is_running(&first), "it was released before its time");
    assert!(rig.memory.is_running(&second));
    assert_eq!(rig.memory.requests().release, 1);
}

#[tokio::test(start_paused = true)]
async fn an_unused_lease_is_served_while_the_vault_is_unreachable() {
    let rig = leased(CompartmentPolicy::default());
    let first = lease(&*login(&rig).await).clone();
    pass(LIFE - 2 * SECOND).await;
    rig.open_circuit(ErrorKind::Unavailable).await;
    assert_eq!(rig.status().state, CompartmentState::Degraded);
    assert_eq!(lease(&*login(&rig).await), &first);
    pass(2 * SECOND).await;
    assert_eq!(rig.kind().await, Some(ErrorKind::Unavailable), "and never past its end");
    assert_eq!(rig.status().state, CompartmentState::Down);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_lives_cost_no_call_and_leave_no_lease_behind() {
    // Leases that cannot be renewed, and leases that can be renewed for a while.
    for (cycles, longest, asked) in [(1_000, LIFE, 5), (50, 4 * LIFE, 25)] {
        let rig = leased(CompartmentPolicy::default());
        rig.memory.limit_leases(longest);
        let mut open = HashSet::new();
        for _ in 0..cycles {
            for _ in 0..asked {
                let credential = login(&rig).await;
                assert!(rig.memory.is_running(lease(&credential)), "a login was returned that had ended");
                drop(credential);
                settle().await;
                advance(4 * SECOND).await;
            }
            settle().await;
            open.insert(rig.memory.leases());
        }
        assert_eq!(open, HashSet::from([1]), "one lease is open at any time");
        let reads = rig.memory.requests().read;
        assert!(reads >= cycles * 9 / 10, "{reads} lives in {cycles} cycles");
        assert_eq!(rig.memory.requests().release, reads - 1, "each but the last was released");
        rig.compartment.close().await;
        assert_eq!(rig.memory.requests().release, reads);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replaced_lease_is_released_when_the_last_call_with_it_is_over_and_not_before() {
    let rig = leased(CompartmentPolicy::default());
    rig.memory.limit_leases(LIFE);
    let (one, other) = (login(&rig).await, login(&rig).await);
    pass(22 * SECOND).await;
    assert_ne!(lease(&*login(&rig).await), lease(&one), "it was replaced");
    assert_eq!(rig.memory.leases(), 2);
    drop(one);
    settle().await;
    assert_eq!(rig.memory.requests().release, 0);
    drop(other);
    settle().await;
    assert_eq!((rig.memory.requests().release, rig.memory.leases()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_is_tried_again_until_the_end_and_nothing_is_served_past_it() {
    let rig = leased(CompartmentPolicy { retries: 0, ..CompartmentPolicy::default() });
    let first = lease(&*login(&rig).await).clone();
    work(&rig, 19).await;
    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Throttled));
    work(&rig, 8).await;
    rig.faults.clear();
    assert_eq!(
        work(&rig, 60).await,
        HashSet::from([first.id.clone()]),
        "the outage was shorter than its life"
    );

    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Throttled));
    let start = Instant::now();
    while let Ok(credential) = rig.compartment.resolve(&Rig::key("github/work"), far_deadline()).await {
        assert!(rig.memory.is_running(lease(&credential)));
        pass(SECOND / 2).await;
    }
    assert!(start.elapsed() >= LIFE / 3 && start.elapsed() <= LIFE, "{:?}", start.elapsed());
    rig.faults.clear();
    assert!(!work(&rig, 60).await.contains(&first.id));
    assert_eq!(rig.memory.leases(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_renewal_costs_few_requests() {
    let rig = leased(CompartmentPolicy { retries: 0, ..CompartmentPolicy::default() });
    drop(login(&rig).await);
    work(&rig, 19).await;
    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Throttled));
    let before = rig.faults.attempts(Calls::All);
    work(&rig, 10).await;
    let tries = rig.faults.attempts(Calls::All) - before;
    assert!((3..=15).contains(&tries), "{tries} tries in the last third");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_the_vault_revoked_is_detected_at_its_renewal_and_no_longer_served() {
    let rig = leased(CompartmentPolicy::default());
    let first = lease(&*login(&rig).await).clone();
    work(&rig, 15).await;
    rig.memory.revoke_leases();
    pass(6 * SECOND).await;
    let second = login(&rig).await;
    assert_ne!(lease(&second), &first);
    assert!(rig.memory.is_running(lease(&second)));
    assert_eq!((rig.memory.requests().read, rig.memory.requests().release), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_login_is_replaced_once_per_interval_and_released() {
    let rig = leased(CompartmentPolicy::default());
    let key = Rig::key("github/work");
    let first = login(&rig).await;
    let next = rig.compartment.after_rejection(&key, &first, far_deadline()).await.unwrap().unwrap();
    assert_ne!(lease(&next), lease(&first));
    for _ in 0..20 {
        let again = rig.compartment.after_rejection(&key, &next, far_deadline()).await.unwrap();
        assert!(again.is_none(), "every login is new, so a rejected one says nothing about the next");
        let known = rig.compartment.after_rejection(&key, &first, far_deadline()).await.unwrap().unwrap();
        assert_eq!(lease(&known), lease(&next));
        pass(SECOND).await;
    }
    assert_eq!((rig.memory.requests().read, rig.memory.leases()), (2, 2));
    drop(first);
    settle().await;
    assert_eq!(rig.memory.leases(), 1);
    pass(10 * SECOND).await;
    let third = rig.compartment.after_rejection(&key, &next, far_deadline()).await.unwrap().unwrap();
    assert!(rig.memory.is_running(lease(&third)));
    drop((next, third));
    settle().await;
    assert_eq!((rig.memory.requests().read, rig.memory.leases()), (3, 1), "the refetch keeps no lease");
}

#[tokio::test(start_paused = true)]
async fn the_late_result_of_an_older_read_is_released_after_its_last_caller() {
    let rig = leased(CompartmentPolicy::default());
    let key = Rig::key("github/work");
    rig.faults.once(Calls::Reads, Fault::Delay(SECOND));
    let older = rig.compartment.loader.load(&key).unwrap();
    settle().await;
    let newer = rig.compartment.loader.reload(&key).unwrap();
    let newer = newer.wait().await.unwrap().unwrap();
    let late = older.wait().await.unwrap().unwrap();
    settle().await;
    assert_eq!(rig.memory.leases(), 2);
    assert_eq!(lease(&*login(&rig).await), lease(&newer.credential));
    drop(late);
    settle().await;
    assert_eq!((rig.memory.leases(), rig.memory.requests().release), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_evicted_lease_is_released() {
    let rig = leased(CompartmentPolicy { cache_entries: 1, ..CompartmentPolicy::default() });
    drop(login(&rig).await);
    rig.memory.put("module/other", [("token", "one")]);
    rig.token_of("module/other").await.unwrap();
    rig.compartment.cache.run_pending_evictions();
    settle().await;
    assert_eq!((rig.memory.leases(), rig.memory.requests().release), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_cache_a_lease_lasts_as_long_as_its_call() {
    let rig = leased(CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() });
    for _ in 0..100 {
        let credential = login(&rig).await;
        assert_eq!(rig.memory.leases(), 1);
        drop(credential);
        settle().await;
        assert_eq!(rig.memory.leases(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn leases_beyond_the_bound_expire_by_themselves() {
    let rig = leased(CompartmentPolicy { cache_entries: 2, max_waiting: 1, ..CompartmentPolicy::default() });
    let mut held = Vec::new();
    for _ in 0..10 {
        let load = rig.compartment.loader.reload(&Rig::key("github/work")).unwrap();
        held.push(load.wait().await.unwrap().unwrap());
        settle().await;
    }
    assert_eq!(held.iter().filter(|found| found.credential.lease.is_some()).count(), 3);
    held.clear();
    pass(2 * LIFE).await;
    assert_eq!(rig.memory.leases(), 0);
    assert!(rig.compartment.renewer.leases().next_due().is_none(), "none of them stays in the table");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_is_tried_again() {
    let rig = leased(CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() });
    let credential = login(&rig).await;
    rig.faults.once(Calls::All, Fault::vault(ErrorKind::Throttled));
    rig.faults.once(Calls::All, Fault::vault(ErrorKind::Throttled));
    drop(credential);
    settle().await;
    assert_eq!(rig.memory.leases(), 1);
    pass(LIFE - 5 * SECOND).await;
    assert_eq!((rig.memory.leases(), rig.memory.requests().release), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn closing_releases_open_leases_and_does_not_wait_for_a_hung_vault() {
    let open = async |rig: &Rig| {
        for n in 0..100 {
            let at = format!("module/m{n}");
            rig.memory.serve_dynamic(&path(&at), LIFE);
            rig.token_of(&at).await.unwrap();
        }
    };
    let rig = leased(CompartmentPolicy::default());
    open(&rig).await;
    rig.faults.set(Calls::All, Fault::Delay(SECOND / 20));
    let start = Instant::now();
    rig.compartment.close().await;
    assert_eq!(rig.memory.requests().release, 100);
    assert_eq!(start.elapsed(), 7 * SECOND / 20, "sixteen at a time");

    let rig = leased(CompartmentPolicy::default());
    open(&rig).await;
    rig.faults.set(Calls::All, Fault::Hang);
    let start = Instant::now();
    rig.compartment.close().await;
    assert!(start.elapsed() <= 5 * SECOND, "{:?}", start.elapsed());
    assert_eq!(rig.memory.requests().close, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_arrives_while_closing_is_released_too() {
    let rig = leased(CompartmentPolicy::default());
    rig.faults.once(Calls::Reads, Fault::Delay(SECOND));
    let (answer, ()) = tokio::join!(rig.token(), async {
        settle().await;
        rig.compartment.close().await;
    });
    answer.unwrap();
    assert_eq!(rig.memory.requests().release, 1);
}

#[tokio::test(start_paused = true)]
async fn renewals_never_take_more_than_half_of_the_permits() {
    let rig = leased(CompartmentPolicy { max_in_flight: 4, ..CompartmentPolicy::default() });
    for n in 0..50 {
        let at = format!("module/m{n}");
        rig.memory.serve_dynamic(&path(&at), LIFE);
        rig.token_of(&at).await.unwrap();
        rig.token_of(&at).await.unwrap();
    }
    rig.faults.set(Calls::All, Fault::Delay(SECOND / 10));
    pass(LIFE - LIFE / 3).await;
    for _ in 0..50 {
        pass(SECOND / 10).await;
    }
    assert_eq!(rig.memory.requests().renew, 50, "all of them before their end");
    assert_eq!(rig.faults.max_in_flight(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_compartment_is_not_kept_alive_by_its_leases() {
    let rig = leased(CompartmentPolicy::default());
    let credential = login(&rig).await;
    let (weak, leases) = (Arc::downgrade(&rig.compartment), Arc::downgrade(rig.compartment.renewer.leases()));
    drop(rig.compartment);
    settle().await;
    assert!(weak.upgrade().is_none() && leases.upgrade().is_none());
    drop(credential);
}
