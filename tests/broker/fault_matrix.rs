//! One vault fails in each way that can be scripted; the other vault serves, and the faulty one recovers by itself.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::broker::{BrokerError, CompartmentPolicy, CompartmentState, Credential};
use cofferdam::caller::Caller;
use cofferdam_vault::testkit::{Calls, Fault};
use cofferdam_vault::{ErrorKind, VaultError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backend_under_test::{BackendUnderTest, all_backends};
use crate::fixture::{DEADLINE, Fixture, SECOND, pass};

/// One way to fail, and what callers must see.
struct Row {
    name: &'static str,
    fault: Fault,
    /// Whether the vault fails before the first call, or after it has worked.
    from_the_start: bool,
    sees: Sees,
}

#[derive(PartialEq)]
enum Sees {
    /// `module_unavailable`, and the circuit is open.
    Open,
    /// `module_unavailable` now and then; the circuit may open.
    Flapping,
    /// `module_unavailable` with the pause that the vault asked for; the circuit stays closed.
    Busy(Duration),
    /// `credential_missing`; the vault is healthy.
    Missing,
    /// The credential, later.
    Slow,
}

fn rows() -> Vec<Row> {
    let row = |name, fault, sees| Row { name, fault, from_the_start: false, sees };
    let unavailable = || VaultError::vault(ErrorKind::Unavailable, "scripted: flapping");
    vec![
        Row {
            from_the_start: true,
            ..row("down at start", Fault::vault(ErrorKind::Unavailable), Sees::Open)
        },
        Row { from_the_start: true, ..row("hangs at start", Fault::Hang, Sees::Open) },
        row("goes down", Fault::vault(ErrorKind::Unavailable), Sees::Open),
        row("hangs", Fault::Hang, Sees::Open),
        row("slow", Fault::Delay(SECOND), Sees::Slow),
        row("too slow", Fault::Delay(30 * SECOND), Sees::Open),
        row("garbage", Fault::garbage(), Sees::Open),
        row("denied", Fault::secret(ErrorKind::Denied), Sees::Missing),
        row("unauthenticated", Fault::vault(ErrorKind::Unauthenticated), Sees::Open),
        row("misconfigured", Fault::vault(ErrorKind::Misconfigured), Sees::Open),
        row("throttled", Fault::throttled(Some(60 * SECOND)), Sees::Busy(60 * SECOND)),
        row(
            "flapping by time",
            Fault::FlapByTime { period: 4 * SECOND, error: unavailable() },
            Sees::Flapping,
        ),
        row(
            "flapping by calls",
            Fault::FlapByCalls { failing: 4, succeeding: 1, error: unavailable() },
            Sees::Flapping,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_one_vault_does_the_others_serve_and_it_comes_back_by_itself() {
    for BackendUnderTest { name: backend, vault, .. } in all_backends() {
        for row in rows() {
            println!("{backend} × {}", row.name);
            // Without a cache, each call reads from the vault.
            let policy = CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() };
            check_row(&Fixture::new(Arc::clone(&vault), policy), &row).await;
        }
    }
}

async fn check_row(fixture: &Fixture, row: &Row) {
    if row.from_the_start {
        fixture.faults.set(Calls::All, row.fault.clone());
    }
    let start = Instant::now();
    fixture.broker.start().await;
    assert!(start.elapsed() <= 2 * SECOND, "a start waits for no vault longer than for one attempt");
    if !row.from_the_start {
        fixture.call("github").await.unwrap();
        fixture.faults.set(Calls::All, row.fault.clone());
    }

    let mut failed = 0;
    for _ in 0..120 {
        let start = Instant::now();
        let (github, notes) = tokio::join!(fixture.call("github"), async {
            let answer = fixture.call("notes").await;
            assert_eq!(start.elapsed(), Duration::ZERO, "a neighbour waits");
            answer
        });
        notes.unwrap();
        assert!(
            start.elapsed() <= CompartmentPolicy::default().deadline,
            "{}: a call took too long",
            row.name
        );
        assert_eq!(fixture.status("healthy").state, CompartmentState::Ready);
        failed += u32::from(github.is_err());
        check_result(&github, row);
        pass(1).await;
    }
    match row.sees {
        Sees::Slow => assert_eq!(failed, 0),
        Sees::Flapping => assert!((1..120).contains(&failed), "{failed} of 120 failed"),
        _ => assert_eq!(failed, 120),
    }
    if row.sees == Sees::Open {
        let status = fixture.status("faulty");
        assert_eq!(status.state, CompartmentState::Down);
        assert!(status.reason.is_some());
        let (calls, start) = (fixture.faults.attempts(Calls::Reads), Instant::now());
        fixture.call("github").await.unwrap_err();
        assert_eq!(
            fixture.faults.attempts(Calls::Reads),
            calls,
            "a vault is left alone while its circuit is open"
        );
        assert_eq!(start.elapsed(), Duration::ZERO, "and its callers do not wait");
    }

    fixture.faults.clear();
    fixture.faults.release();
    // One interval with its jitter, and the timeout of a probe that hangs.
    pass(8).await;
    fixture.call("github").await.unwrap();
    assert_eq!(fixture.status("faulty").state, CompartmentState::Ready);
    fixture.broker.close().await;
}

fn check_result(answer: &Result<Arc<Credential>, BrokerError>, row: &Row) {
    match (answer, &row.sees) {
        (Ok(_), Sees::Slow | Sees::Flapping) => {}
        (Err(BrokerError::Unavailable { vault, .. }), Sees::Open | Sees::Flapping) => {
            assert_eq!(vault, "faulty");
        }
        (Err(BrokerError::Unavailable { retry_after, since, .. }), Sees::Busy(pause)) => {
            assert_eq!((retry_after, since.is_none()), (&Some(*pause), true));
        }
        (Err(BrokerError::Missing { .. }), Sees::Missing) => {}
        (answer, _) => panic!("{}: {answer:?}", row.name),
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_ends_by_its_own_deadline() {
    for BackendUnderTest { name: backend, vault, .. } in all_backends() {
        for row in rows() {
            let policy = CompartmentPolicy {
                deadline: 60 * SECOND,
                attempt_timeout: 50 * SECOND,
                ..CompartmentPolicy::default()
            };
            let fixture = Fixture::new(Arc::clone(&vault), policy);
            fixture.faults.set(Calls::All, row.fault.clone());
            let deadline = Instant::now() + SECOND / 2;
            let _ = fixture.broker.credential(&Caller::local(), "github", "work", deadline).await;
            assert!(Instant::now() <= deadline, "{backend} × {}", row.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_sees_at_most_one_probe_an_interval() {
    for BackendUnderTest { name: backend, vault, .. } in all_backends() {
        let fixture = Fixture::new(vault, CompartmentPolicy::default());
        fixture.faults.set(Calls::All, Fault::Hang);
        fixture.broker.start().await;
        let before = fixture.faults.attempts(Calls::Probes);
        for _ in 0..60 {
            let mut crowd = JoinSet::new();
            for _ in 0..100 {
                let broker = Arc::clone(&fixture.broker);
                crowd.spawn(async move {
                    broker.credential(&Caller::local(), "github", "work", Instant::now() + DEADLINE).await
                });
            }
            assert!(crowd.join_all().await.iter().all(Result::is_err));
            pass(5).await;
        }
        let probes = fixture.faults.attempts(Calls::Probes) - before;
        assert!((30..=60).contains(&probes), "{backend}: {probes} probes in 60 intervals");
        assert_eq!(fixture.faults.attempts(Calls::Reads), 0, "{backend}");
        assert!(fixture.faults.max_in_flight() <= 1, "{backend}: two probes at once");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_an_hour_is_bridged_from_the_cache_and_no_longer() {
    for BackendUnderTest { name: backend, vault, .. } in all_backends() {
        let fixture = Fixture::new(vault, CompartmentPolicy::default());
        fixture.broker.start().await;
        let confirmed = Instant::now();
        fixture.call("github").await.unwrap();
        fixture.faults.set(Calls::All, Fault::Hang);
        pass(5 * 60).await;
        while fixture.status("faulty").state == CompartmentState::Ready {
            assert!(confirmed.elapsed() < Duration::from_secs(6 * 60), "{backend}: the circuit never opens");
            fixture.call("github").await.unwrap();
            // No caller waits, so the clock does not advance.
            pass(1).await;
        }
        while fixture.call("github").await.is_ok() {
            assert_eq!(fixture.status("faulty").state, CompartmentState::Degraded);
            assert!(confirmed.elapsed() < Duration::from_secs(3600 + 60), "{backend}: served for ever");
            pass(60).await;
        }
        assert!(confirmed.elapsed() >= Duration::from_secs(3600), "{backend}: stale secrets end too early");
        let Err(error) = fixture.call("github").await else { panic!("{backend}: served") };
        let BrokerError::Unavailable { vault, since: Some(_), retry_after: Some(_), .. } = &error else {
            panic!("{backend}: {error:?}")
        };
        assert_eq!(vault, "faulty");
        assert_eq!(fixture.status("faulty").state, CompartmentState::Down);
        fixture.faults.clear();
        pass(8).await;
        fixture.call("github").await.unwrap();
    }
}
