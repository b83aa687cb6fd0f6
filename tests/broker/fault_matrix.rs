//! One vault fails in every way that can be scripted, and nobody else notices.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::access::Caller;
use cofferdam::broker::{BrokerError, CompartmentState, Credential, Walls};
use cofferdam_vault::testkit::{Calls, Fault};
use cofferdam_vault::{ErrorKind, VaultError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::subjects::{Subject, subjects};
use crate::world::{DEADLINE, SECOND, World, pass};

/// One way to fail, and what its callers must see.
struct Row {
    name: &'static str,
    fault: Fault,
    /// Whether the vault fails before the first call, or after it has been well.
    from_the_start: bool,
    sees: Sees,
}

#[derive(PartialEq)]
enum Sees {
    /// `module_unavailable`, and the vault is given up.
    GivenUp,
    /// `module_unavailable` now and then, with a vault that may be given up.
    Flapping,
    /// `module_unavailable` with the pause that the vault asked for; it is not given up.
    Busy(Duration),
    /// `credential_missing`; the vault is well.
    Missing,
    /// The credential, only later.
    Slow,
}

fn rows() -> Vec<Row> {
    let row = |name, fault, sees| Row { name, fault, from_the_start: false, sees };
    let unavailable = || VaultError::vault(ErrorKind::Unavailable, "scripted: flapping");
    vec![
        Row {
            from_the_start: true,
            ..row("down at start", Fault::vault(ErrorKind::Unavailable), Sees::GivenUp)
        },
        Row { from_the_start: true, ..row("hangs at start", Fault::Hang, Sees::GivenUp) },
        row("goes down", Fault::vault(ErrorKind::Unavailable), Sees::GivenUp),
        row("hangs", Fault::Hang, Sees::GivenUp),
        row("slow", Fault::Delay(SECOND), Sees::Slow),
        row("too slow", Fault::Delay(30 * SECOND), Sees::GivenUp),
        row("garbage", Fault::garbage(), Sees::GivenUp),
        row("denied", Fault::secret(ErrorKind::Denied), Sees::Missing),
        row("unauthenticated", Fault::vault(ErrorKind::Unauthenticated), Sees::GivenUp),
        row("misconfigured", Fault::vault(ErrorKind::Misconfigured), Sees::GivenUp),
        row("throttled", Fault::throttled(Some(60 * SECOND)), Sees::Busy(60 * SECOND)),
        row(
            "flapping by time",
            Fault::FlapByTime { period: 4 * SECOND, error: unavailable() },
            Sees::Flapping,
        ),
        row(
            "flapping by calls",
            Fault::FlapByCalls { failing: 4, answered: 1, error: unavailable() },
            Sees::Flapping,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_one_vault_does_the_others_serve_and_it_comes_back_by_itself() {
    for Subject { name: subject, vault, .. } in subjects() {
        for row in rows() {
            println!("{subject} × {}", row.name);
            // No cache: each call meets the vault.
            let walls = Walls { cache_entries: 0, ..Walls::default() };
            prove(&World::new(Arc::clone(&vault), walls), &row).await;
        }
    }
}

async fn prove(world: &World, row: &Row) {
    if row.from_the_start {
        world.faults.set(Calls::All, row.fault.clone());
    }
    let start = Instant::now();
    world.broker.start().await;
    assert!(start.elapsed() <= 2 * SECOND, "a start waits for no vault longer than for one attempt");
    if !row.from_the_start {
        world.call("github").await.unwrap();
        world.faults.set(Calls::All, row.fault.clone());
    }

    let mut failed = 0;
    for _ in 0..120 {
        let start = Instant::now();
        let (github, notes) = tokio::join!(world.call("github"), async {
            let answer = world.call("notes").await;
            assert_eq!(start.elapsed(), Duration::ZERO, "a neighbour waits");
            answer
        });
        notes.unwrap();
        assert!(start.elapsed() <= Walls::default().deadline, "{}: a call took too long", row.name);
        assert_eq!(world.status("well").state, CompartmentState::Ready);
        failed += u32::from(github.is_err());
        check(&github, row);
        pass(1).await;
    }
    match row.sees {
        Sees::Slow => assert_eq!(failed, 0),
        Sees::Flapping => assert!((1..120).contains(&failed), "{failed} of 120 failed"),
        _ => assert_eq!(failed, 120),
    }
    if row.sees == Sees::GivenUp {
        let status = world.status("faulty");
        assert_eq!(status.state, CompartmentState::Down);
        assert!(status.reason.is_some());
        let (calls, start) = (world.faults.attempts(Calls::Reads), Instant::now());
        world.call("github").await.unwrap_err();
        assert_eq!(world.faults.attempts(Calls::Reads), calls, "a vault that was given up is left alone");
        assert_eq!(start.elapsed(), Duration::ZERO, "and its callers do not wait");
    }

    world.faults.clear();
    world.faults.release();
    // One interval with its jitter, and the time of a probe that hangs.
    pass(8).await;
    world.call("github").await.unwrap();
    assert_eq!(world.status("faulty").state, CompartmentState::Ready);
    world.broker.close().await;
}

fn check(answer: &Result<Arc<Credential>, BrokerError>, row: &Row) {
    match (answer, &row.sees) {
        (Ok(_), Sees::Slow | Sees::Flapping) => {}
        (Err(BrokerError::Unavailable { vault, .. }), Sees::GivenUp | Sees::Flapping) => {
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
    for Subject { name: subject, vault, .. } in subjects() {
        for row in rows() {
            let walls = Walls { deadline: 60 * SECOND, attempt_timeout: 50 * SECOND, ..Walls::default() };
            let world = World::new(Arc::clone(&vault), walls);
            world.faults.set(Calls::All, row.fault.clone());
            let deadline = Instant::now() + SECOND / 2;
            let _ = world.broker.credential(&Caller::local(), "github", "work", deadline).await;
            assert!(Instant::now() <= deadline, "{subject} × {}", row.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_sees_at_most_one_probe_an_interval() {
    for Subject { name: subject, vault, .. } in subjects() {
        let world = World::new(vault, Walls::default());
        world.faults.set(Calls::All, Fault::Hang);
        world.broker.start().await;
        let before = world.faults.attempts(Calls::Probes);
        for _ in 0..60 {
            let mut crowd = JoinSet::new();
            for _ in 0..100 {
                let broker = Arc::clone(&world.broker);
                crowd.spawn(async move {
                    broker.credential(&Caller::local(), "github", "work", Instant::now() + DEADLINE).await
                });
            }
            assert!(crowd.join_all().await.iter().all(Result::is_err));
            pass(5).await;
        }
        let probes = world.faults.attempts(Calls::Probes) - before;
        assert!((30..=60).contains(&probes), "{subject}: {probes} probes in 60 intervals");
        assert_eq!(world.faults.attempts(Calls::Reads), 0, "{subject}");
        assert!(world.faults.max_in_flight() <= 1, "{subject}: two probes at once");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_an_hour_is_bridged_from_the_cache_and_no_longer() {
    for Subject { name: subject, vault, .. } in subjects() {
        let world = World::new(vault, Walls::default());
        world.broker.start().await;
        let confirmed = Instant::now();
        world.call("github").await.unwrap();
        world.faults.set(Calls::All, Fault::Hang);
        pass(5 * 60).await;
        while world.status("faulty").state == CompartmentState::Ready {
            assert!(confirmed.elapsed() < Duration::from_secs(6 * 60), "{subject}: never given up");
            world.call("github").await.unwrap();
            // Nobody waits for it, so the clock stands still.
            pass(1).await;
        }
        while world.call("github").await.is_ok() {
            assert_eq!(world.status("faulty").state, CompartmentState::Degraded);
            assert!(confirmed.elapsed() < Duration::from_secs(3600 + 60), "{subject}: served for ever");
            pass(60).await;
        }
        assert!(confirmed.elapsed() >= Duration::from_secs(3600), "{subject}: given up too early");
        let Err(error) = world.call("github").await else { panic!("{subject}: served") };
        let BrokerError::Unavailable { vault, since: Some(_), retry_after: Some(_), .. } = &error else {
            panic!("{subject}: {error:?}")
        };
        assert_eq!(vault, "faulty");
        assert_eq!(world.status("faulty").state, CompartmentState::Down);
        world.faults.clear();
        pass(8).await;
        world.call("github").await.unwrap();
    }
}
