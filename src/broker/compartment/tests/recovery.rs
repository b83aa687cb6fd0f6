//! Recovery: a vault that is down is probed until it is back.

use std::sync::Arc;

use cofferdam_vault::ErrorKind;
use cofferdam_vault::testkit::{Calls, Fault};
use tokio::time::{Instant, advance};

use super::rig::{Rig, SECOND, settle};
use crate::broker::compartment::{BreakerPolicy, CompartmentPolicy, CompartmentState};

/// Advances the clock second by second, so that due tasks run.
async fn pass(seconds: u32) {
    for _ in 0..seconds {
        advance(SECOND).await;
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_down_at_start_opens_the_circuit_at_once_and_recovers_by_itself() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Misconfigured));
    rig.compartment.start().await;
    let status = rig.status();
    assert_eq!(status.state, CompartmentState::Down);
    assert_eq!(status.reason.as_deref(), Some("scripted: the vault is misconfigured"));
    rig.token().await.unwrap_err();
    assert_eq!(rig.reads(), 0);
    pass(30).await;
    assert_eq!(rig.probes(), 1 + 6);
    rig.faults.clear();
    pass(5).await;
    assert_eq!(rig.status().state, CompartmentState::Ready);
    assert_eq!(rig.token().await.unwrap(), "one");
    pass(60).await;
    assert_eq!(rig.probes(), 1 + 7, "a vault that works is not probed");
}

#[tokio::test(start_paused = true)]
async fn a_start_takes_no_longer_than_an_attempt() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.set(Calls::All, Fault::Hang);
    let start = Instant::now();
    rig.compartment.start().await;
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert_eq!(rig.status().state, CompartmentState::Down);
}

#[tokio::test(start_paused = true)]
async fn a_throttling_vault_is_ready() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.set(Calls::Probes, Fault::throttled(None));
    rig.compartment.start().await;
    assert_eq!(rig.status().state, CompartmentState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_gets_at_most_one_probe_per_interval_and_never_two_at_once() {
    let rig = Rig::new(CompartmentPolicy { probe_interval: SECOND, ..CompartmentPolicy::default() });
    rig.open_circuit(ErrorKind::Unavailable).await;
    rig.faults.set(Calls::All, Fault::Hang);
    for _ in 0..300 {
        let probes = rig.probes();
        rig.token().await.unwrap_err();
        pass(1).await;
        assert!(rig.probes() <= probes + 1);
        assert!(rig.faults.in_flight() <= 1);
    }
    assert!(rig.probes() >= 90, "and probing goes on: {}", rig.probes());
}

#[tokio::test(start_paused = true)]
async fn a_flapping_vault_costs_one_failed_call_an_interval() {
    let rig = Rig::new(CompartmentPolicy { retries: 0, ..CompartmentPolicy::default() });
    rig.open_circuit(ErrorKind::Unavailable).await;
    // Its probes succeed, its reads fail.
    rig.faults.clear();
    rig.faults.set(Calls::Reads, Fault::vault(ErrorKind::Unavailable));
    let before = rig.reads();
    for _ in 0..60 {
        for _ in 0..10 {
            rig.token().await.unwrap_err();
        }
        pass(1).await;
    }
    assert!((10..=12).contains(&(rig.reads() - before)), "{} reads in 60 s", rig.reads() - before);
    assert!((10..=12).contains(&rig.probes()), "{} probes in 60 s", rig.probes());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_compartment_is_not_kept_alive_by_its_recovery() {
    let rig = Rig::new(CompartmentPolicy {
        breaker: BreakerPolicy { failures: 1, ..BreakerPolicy::default() },
        ..CompartmentPolicy::default()
    });
    rig.open_circuit(ErrorKind::Unavailable).await;
    settle().await;
    let weak = Arc::downgrade(&rig.compartment);
    drop(rig.compartment);
    settle().await;
    assert!(weak.upgrade().is_none());
}
