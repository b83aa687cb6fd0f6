//! Single-flight loads: many callers, one read.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::ErrorKind;
use cofferdam_vault::testkit::{Calls, Fault};
use tokio::time::{Instant, advance};

use super::rig::{Rig, SECOND, far_deadline, settle, token_in};
use crate::broker::compartment::CompartmentPolicy;

fn wide() -> CompartmentPolicy {
    CompartmentPolicy { max_waiting: 20_000, ..CompartmentPolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_who_miss_at_once_make_one_read() {
    let rig = Rig::new(wide());
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let answers = rig.crowd(10_000).await;
    assert_eq!(answers.len(), 10_000);
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("one")));
    assert_eq!(rig.reads(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_make_one_read_too() {
    for _ in 0..20 {
        let rig = Rig::new(wide());
        assert!(rig.crowd(1_000).await.iter().all(Result::is_ok));
        assert_eq!(rig.reads(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_affects_no_other_even_if_it_was_the_first() {
    let rig = Rig::new(wide());
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let compartment = Arc::clone(&rig.compartment);
    let first = tokio::spawn(async move {
        compartment.resolve(&Rig::key("github/work"), far_deadline()).await.map(|_| ())
    });
    settle().await;
    assert_eq!(rig.reads(), 1, "the read of the first caller is running");
    let (answers, ()) = tokio::join!(rig.crowd(1_000), async {
        settle().await;
        first.abort();
    });
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("one")));
    assert_eq!(rig.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_without_callers_still_populates_the_cache() {
    let rig = Rig::new(wide());
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let hurry = Instant::now() + SECOND / 2;
    rig.compartment.resolve(&Rig::key("github/work"), hurry).await.unwrap_err();
    advance(SECOND).await;
    settle().await;
    assert_eq!(rig.token().await.unwrap(), "one");
    assert_eq!(rig.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn loads_without_callers_are_bounded() {
    let rig = Rig::new(CompartmentPolicy { max_waiting: 3, ..CompartmentPolicy::default() });
    rig.faults.set(Calls::Reads, Fault::Hang);
    for n in 0..10 {
        let key = Rig::key(&format!("module/m{n}"));
        let now = Instant::now();
        let error = rig.compartment.resolve(&key, now).await.unwrap_err();
        assert_eq!(error.message().starts_with("queue full"), n >= 3, "{n}: {error}");
    }
    settle().await;
    assert_eq!(rig.reads(), 3);
    advance(Duration::from_secs(10)).await;
    settle().await;
    assert_eq!(rig.compartment.loader.count(), (0, 0), "each ended by itself");
}

#[tokio::test(start_paused = true)]
async fn an_older_read_never_overwrites_the_result_of_a_newer_one() {
    let rig = Rig::new(CompartmentPolicy::default());
    let key = Rig::key("github/work");
    // The older read has left the vault when the secret changes.
    rig.faults.once(Calls::Reads, Fault::Delay(SECOND));
    let older = rig.compartment.loader.load(&key).unwrap();
    settle().await;
    rig.faults.once(Calls::Reads, Fault::secret(ErrorKind::NotFound));
    let newer = rig.compartment.loader.reload(&key).unwrap();
    assert!(newer.wait_until(far_deadline()).await.unwrap().is_err(), "the secret is gone");
    let late = older.wait_until(far_deadline()).await.unwrap().unwrap();
    assert_eq!(token_in(&late.credential), "one", "its callers get it");
    settle().await;
    assert_eq!(rig.kind().await, Some(ErrorKind::NotFound), "the cache does not");
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_miss_during_two_reads_joins_the_newer() {
    let rig = Rig::new(CompartmentPolicy::default());
    let key = Rig::key("github/work");
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let _older = rig.compartment.loader.load(&key).unwrap();
    advance(SECOND / 2).await;
    let _newer = rig.compartment.loader.reload(&key).unwrap();
    let start = Instant::now();
    assert_eq!(rig.token().await.unwrap(), "one");
    assert_eq!((rig.reads(), start.elapsed()), (2, SECOND));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_older_read_leaves_the_newer_one_registered() {
    let rig = Rig::new(CompartmentPolicy::default());
    let key = Rig::key("github/work");
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let older = rig.compartment.loader.load(&key).unwrap();
    advance(SECOND / 2).await;
    let _newer = rig.compartment.loader.reload(&key).unwrap();
    settle().await;
    older.wait_until(far_deadline()).await.unwrap().unwrap();
    settle().await;
    assert_eq!(rig.token().await.unwrap(), "one");
    assert_eq!(rig.reads(), 2, "a miss now joins the newer one");
}

#[tokio::test(start_paused = true)]
async fn a_miss_just_before_a_load_ended_starts_no_other() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.token().await.unwrap();
    // The caller missed in the cache, and the load ended before the caller could join it.
    let load = rig.compartment.loader.load(&Rig::key("github/work")).unwrap();
    assert!(load.get().is_some());
    assert_eq!(rig.reads(), 1);
}
