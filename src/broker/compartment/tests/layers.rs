//! The layers together: what no single layer can show.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use cofferdam_vault::testkit::{Calls, Fault, path};
use cofferdam_vault::{
    BoxFuture, ErrorKind, Expect, FieldName, Page, PageToken, Secret, SecretFields, SecretPath, Stage,
    Threads, Vault, VaultError, VaultInfo, Version,
};
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance};

use super::rig::{Rig, SECOND, far_deadline, settle, token_in};
use crate::broker::compartment::{BreakerPolicy, Compartment, CompartmentPolicy, CompartmentState};

#[tokio::test(start_paused = true)]
async fn a_read_that_succeeds_at_the_second_attempt_is_a_success() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.once(Calls::Reads, Fault::vault(ErrorKind::Unavailable));
    assert_eq!(rig.token().await.unwrap(), "one");
    assert_eq!(rig.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_counts_for_the_breaker_and_none_follows_the_one_that_opens_it() {
    let rig = Rig::new(CompartmentPolicy { retries: 100, ..CompartmentPolicy::default() });
    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Unavailable));
    assert_eq!(rig.kind().await, Some(ErrorKind::Unavailable));
    assert_eq!(rig.reads(), 5, "the open circuit stops the retries");
    rig.token().await.unwrap_err();
    assert_eq!(rig.reads(), 5, "and admits no later call");
}

#[tokio::test(start_paused = true)]
async fn a_single_caller_opens_the_circuit_of_a_vault_that_hangs() {
    // Two attempts fit into a read, the third is cut short: the fifth failure comes 10 s after the first.
    let rig = Rig::new(CompartmentPolicy {
        attempt_timeout: Duration::from_millis(2100),
        ..CompartmentPolicy::default()
    });
    rig.faults.set(Calls::All, Fault::Hang);
    for _ in 0..3 {
        rig.token().await.unwrap_err();
    }
    assert_eq!(rig.status().state, CompartmentState::Down);
}

#[tokio::test(start_paused = true)]
async fn a_queue_does_not_reach_the_vault_after_the_circuit_opened() {
    let policy = CompartmentPolicy { max_in_flight: 5, retries: 0, ..CompartmentPolicy::default() };
    let rig = Arc::new(Rig::new(policy));
    rig.faults.set(Calls::Reads, Fault::Hang);
    let start = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..100 {
        let rig = Arc::clone(&rig);
        calls.spawn(async move { rig.token_of(&format!("module/{n}")).await.unwrap_err().kind() });
    }
    let kinds = calls.join_all().await;
    assert_eq!(rig.reads(), 5, "those with a permit");
    assert_eq!(kinds.iter().filter(|&&kind| kind == ErrorKind::Timeout).count(), 5);
    assert_eq!(
        start.elapsed(),
        2 * SECOND,
        "the queue ends when the attempts time out, not at its own deadline"
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_behind_permits_that_do_not_return_ends_when_the_circuit_opens() {
    let rig = Rig::new(CompartmentPolicy { max_in_flight: 1, ..CompartmentPolicy::default() });
    let _hung = rig.compartment.client.take_permit().await;
    let start = Instant::now();
    let (answer, opened) = tokio::join!(rig.token(), async {
        settle().await;
        rig.compartment.client.open_circuit(VaultError::vault(ErrorKind::Timeout, "on purpose"))
    });
    assert!(opened && answer.is_err());
    assert_eq!((start.elapsed(), rig.reads()), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn queueing_never_counts_against_the_vault() {
    let rig = Arc::new(Rig::new(CompartmentPolicy { max_in_flight: 1, ..CompartmentPolicy::default() }));
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND + SECOND / 2));
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..50 {
        rig.memory.put(&format!("module/m{n}"), [("token", "one")]);
        let rig = Arc::clone(&rig);
        calls.spawn(async move { rig.token_of(&format!("module/m{n}")).await });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3, "as many as fit into the deadline");
    assert_eq!(rig.status().state, CompartmentState::Ready);
    assert!(rig.faults.max_in_flight() == 1);
}

#[tokio::test(start_paused = true)]
async fn no_permit_is_held_during_a_retry_pause() {
    let rig = Rig::new(CompartmentPolicy { max_in_flight: 1, ..CompartmentPolicy::default() });
    rig.memory.put("module/other", [("token", "other")]);
    let pause = Some(3 * SECOND);
    rig.faults.once(Calls::Reads, Fault::throttled(pause));
    let start = Instant::now();
    let (sleeper, other) = tokio::join!(rig.token(), async {
        settle().await;
        let answer = rig.token_of("module/other").await;
        (answer, start.elapsed())
    });
    assert_eq!(other, (Ok("other".into()), Duration::ZERO));
    assert_eq!((sleeper.unwrap(), start.elapsed()), ("one".into(), 3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_is_blamed_even_if_the_deadline_is_shorter_than_an_attempt() {
    let policy =
        CompartmentPolicy { deadline: SECOND, attempt_timeout: 10 * SECOND, ..CompartmentPolicy::default() };
    let rig = Rig::new(policy);
    rig.faults.set(Calls::All, Fault::Hang);
    for _ in 0..5 {
        let start = Instant::now();
        assert_eq!(rig.kind().await, Some(ErrorKind::Timeout));
        assert!(start.elapsed() <= SECOND);
    }
    assert_eq!(rig.status().state, CompartmentState::Down);
}

#[tokio::test(start_paused = true)]
async fn with_the_circuit_open_a_stale_secret_is_served_at_once_until_stale_for_ends() {
    let rig = Rig::new(CompartmentPolicy::default());
    assert_eq!(rig.token().await.unwrap(), "one");
    rig.open_circuit(ErrorKind::Unavailable).await;
    assert_eq!(rig.status().state, CompartmentState::Degraded);
    advance(Duration::from_secs(30 * 60)).await;
    let (reads, start) = (rig.reads(), Instant::now());
    for _ in 0..1000 {
        assert_eq!(rig.token().await.unwrap(), "one");
    }
    assert_eq!((rig.reads(), start.elapsed()), (reads, Duration::ZERO));
    advance(Duration::from_secs(30 * 60)).await;
    let error = rig.token().await.unwrap_err();
    assert!(error.message().contains("scripted"), "the error says why: {error}");
    assert_eq!(rig.status().state, CompartmentState::Down);
}

#[tokio::test(start_paused = true)]
async fn a_failed_check_never_extends_the_life_of_a_secret() {
    let rig = Rig::new(CompartmentPolicy {
        probe_interval: Duration::from_secs(24 * 3600),
        ..CompartmentPolicy::default()
    });
    assert_eq!(rig.token().await.unwrap(), "one");
    rig.faults.set(Calls::All, Fault::vault(ErrorKind::Unavailable));
    let mut served = 0;
    while rig.token().await.is_ok() {
        served += 1;
        assert!(served < 100, "it is served forever");
        advance(Duration::from_secs(60)).await;
    }
    assert!((58..=60).contains(&served), "served for {served} minutes of 60");
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_a_short_deadline_gets_the_stale_secret_of_a_slow_vault() {
    let rig = Rig::new(CompartmentPolicy::default());
    assert_eq!(rig.token().await.unwrap(), "one");
    advance(Duration::from_secs(5 * 60)).await;
    rig.faults.set(Calls::All, Fault::Hang);
    let hurry = Instant::now() + SECOND;
    let credential = rig.compartment.resolve(&Rig::key("github/work"), hurry).await.unwrap();
    assert_eq!(token_in(&credential), "one");
    assert_eq!(Instant::now(), hurry);
}

#[tokio::test(start_paused = true)]
async fn no_caller_with_a_cached_secret_waits_for_a_second_attempt() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.token().await.unwrap();
    advance(Duration::from_secs(5 * 60)).await;
    rig.faults.set(Calls::All, Fault::Hang);
    let start = Instant::now();
    assert!(rig.crowd(100).await.iter().all(|answer| answer.as_deref() == Ok("one")));
    assert_eq!(start.elapsed(), 2 * SECOND, "one attempt, and not the whole deadline");
    while rig.status().state == CompartmentState::Ready {
        let start = Instant::now();
        assert_eq!(rig.token().await.unwrap(), "one");
        assert_eq!(start.elapsed(), Duration::ZERO, "the vault is suspect: its silence delays no caller");
        assert!(rig.reads() < 10, "the circuit never opens");
        advance(SECOND).await;
        settle().await;
    }
    assert_eq!(rig.reads(), 6, "the first read and five failures: no caller waited, and all were counted");
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_back_becomes_healthy_again() {
    let rig = Rig::new(CompartmentPolicy { retries: 0, ..CompartmentPolicy::default() });
    rig.token().await.unwrap();
    advance(Duration::from_secs(5 * 60)).await;
    rig.faults.once(Calls::Reads, Fault::vault(ErrorKind::Unavailable));
    assert_eq!(rig.token().await.unwrap(), "one");
    rig.memory.put("github/work", [("token", "two")]);
    assert_eq!(rig.token().await.unwrap(), "one", "served while the load runs");
    settle().await;
    assert_eq!(rig.token().await.unwrap(), "two");
    advance(Duration::from_secs(5 * 60)).await;
    rig.memory.put("github/work", [("token", "three")]);
    assert_eq!(rig.token().await.unwrap(), "three", "the vault is healthy, so its answer is awaited");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_a_suspect_vault_revokes_is_evicted() {
    let rig = Rig::new(CompartmentPolicy { retries: 0, ..CompartmentPolicy::default() });
    rig.token().await.unwrap();
    advance(Duration::from_secs(5 * 60)).await;
    rig.faults.once(Calls::Reads, Fault::vault(ErrorKind::Unavailable));
    rig.token().await.unwrap();
    rig.faults.set(Calls::Reads, Fault::secret(ErrorKind::Denied));
    rig.token().await.unwrap();
    settle().await;
    assert_eq!(rig.kind().await, Some(ErrorKind::Denied));
}

#[tokio::test(start_paused = true)]
async fn callers_with_a_cached_secret_do_not_use_a_throttling_vault() {
    for (asked, pause) in [(Some(30 * SECOND), 30 * SECOND), (None, SECOND)] {
        let rig = Rig::new(CompartmentPolicy { retries: 0, ..CompartmentPolicy::default() });
        rig.token().await.unwrap();
        advance(Duration::from_secs(5 * 60)).await;
        rig.faults.set(Calls::Reads, Fault::throttled(asked));
        for _ in 0..100 {
            assert_eq!(rig.token().await.unwrap(), "one");
            settle().await;
        }
        assert_eq!(rig.reads(), 2, "one call found out for all");
        assert_eq!(rig.token_of("github/home").await.unwrap_err().kind(), ErrorKind::Throttled, "which asks");
        advance(pause).await;
        rig.faults.clear();
        rig.memory.put("github/work", [("token", "two")]);
        assert_eq!(rig.token().await.unwrap(), "two");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_secret_never_hides_an_error_of_the_secret() {
    for kind in [ErrorKind::NotFound, ErrorKind::Denied, ErrorKind::Malformed] {
        let rig = Rig::new(CompartmentPolicy::default());
        assert_eq!(rig.token().await.unwrap(), "one");
        advance(Duration::from_secs(5 * 60)).await;
        rig.faults.once(Calls::Reads, Fault::secret(kind));
        assert_eq!(rig.kind().await, Some(kind));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_beyond_max_waiting_is_rejected_without_counting_for_the_breaker() {
    let rig = Arc::new(Rig::new(CompartmentPolicy { max_waiting: 10, ..CompartmentPolicy::default() }));
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let crowd = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.crowd(10).await }
    });
    settle().await;
    for _ in 0..20 {
        let error = rig.token().await.unwrap_err();
        assert!(error.message().starts_with("queue full"), "{error}");
    }
    assert!(crowd.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(rig.status().state, CompartmentState::Ready);
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_recovery_and_closes_the_vault() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.open_circuit(ErrorKind::Unavailable).await;
    rig.compartment.close().await;
    assert_eq!(rig.memory.requests().close, 1);
    advance(Duration::from_secs(3600)).await;
    settle().await;
    assert_eq!(rig.probes(), 0);
    assert!(rig.token().await.unwrap_err().message().contains("shutting down"));
}

#[tokio::test(start_paused = true)]
async fn closing_lets_running_reads_finish_and_does_not_wait_forever() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
    let (answer, ()) = tokio::join!(rig.token(), async {
        settle().await;
        rig.compartment.close().await;
    });
    assert_eq!(answer.unwrap(), "one");

    let rig = Rig::new(CompartmentPolicy {
        attempt_timeout: 60 * SECOND,
        deadline: 50 * SECOND,
        ..CompartmentPolicy::default()
    });
    rig.faults.set(Calls::Reads, Fault::Hang);
    let start = Instant::now();
    let (_, ()) = tokio::join!(rig.token(), async {
        settle().await;
        rig.compartment.close().await;
        assert_eq!(start.elapsed(), 25 * SECOND);
    });
    assert_eq!(rig.memory.requests().close, 1);
}

/// A vault whose reads block a real thread until the test releases it, panic, or return no field, depending on the path.
#[derive(Debug)]
struct Blocking {
    info: VaultInfo,
    threads: Threads,
    /// A permit for each read that has reached its thread.
    started: Arc<Semaphore>,
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Blocking {
    fn new(threads: usize) -> (Arc<Self>, mpsc::Sender<()>) {
        let (release, gate) = mpsc::channel();
        let info = VaultInfo {
            sources: Vec::new(),
            backend: "blocking",
            location: "blocking:".into(),
            capabilities: cofferdam_vault::Capabilities::default(),
        };
        let gate = Arc::new(Mutex::new(gate));
        let (threads, started) = (Threads::new("blocking", threads), Arc::new(Semaphore::new(0)));
        (Arc::new(Self { info, threads, started, gate }), release)
    }
}

impl Vault for Blocking {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        _fields: &'a [FieldName],
        _stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        assert_ne!(path.as_str(), "read/panics", "on purpose");
        if path.as_str() == "read/hollow" {
            let version = Version::new("1");
            let secret = Secret { fields: SecretFields::new(), version, valid_for: None, lease: None };
            return Box::pin(async { Ok(secret) });
        }
        let (started, gate) = (Arc::clone(&self.started), Arc::clone(&self.gate));
        Box::pin(self.threads.run(move || {
            started.add_permits(1);
            let _ = gate.lock().unwrap().recv();
            Err(VaultError::secret(ErrorKind::NotFound, "on purpose"))
        }))
    }

    fn write<'a>(
        &'a self,
        _path: &'a SecretPath,
        _fields: &'a SecretFields,
        _expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async { Err(VaultError::secret(ErrorKind::ReadOnly, "on purpose")) })
    }

    fn delete<'a>(&'a self, _path: &'a SecretPath, _expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async { Err(VaultError::secret(ErrorKind::ReadOnly, "on purpose")) })
    }

    fn list<'a>(
        &'a self,
        _prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async { Err(VaultError::secret(ErrorKind::Unsupported, "on purpose")) })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.threads.run(|| Ok(())))
    }
}

// The clock is paused, and jumps over the timeouts, only while nothing but a hung thread is awaited. A paused clock would not
// wait for a thread that is about to start or to answer. The timeouts are therefore far longer than any machine takes.
#[tokio::test]
async fn a_hung_thread_keeps_its_permit_so_hung_threads_stay_within_the_limit() {
    let policy = CompartmentPolicy {
        max_in_flight: 2,
        attempt_timeout: 300 * SECOND,
        deadline: 600 * SECOND,
        retries: 0,
        breaker: BreakerPolicy { failures: 1000, ..BreakerPolicy::default() },
        missing_ttl: Duration::ZERO,
        ..CompartmentPolicy::default()
    };
    let (vault, release) = Blocking::new(policy.threads());
    let compartment = Arc::new(Compartment::new("hung".into(), policy, Arc::clone(&vault) as Arc<dyn Vault>));
    let key = Rig::key("github/work");
    let mut both = tokio::task::JoinSet::new();
    for at in ["github/work", "github/home"] {
        let compartment = Arc::clone(&compartment);
        both.spawn(async move { compartment.resolve(&Rig::key(at), far_deadline()).await });
    }
    let _ = vault.started.acquire_many(2).await.unwrap();
    tokio::time::pause();
    for answer in both.join_all().await {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Timeout);
    }
    assert_eq!(
        compartment.client.available_permits(),
        0,
        "both attempts are over, and both threads still hang"
    );
    let error = compartment.resolve(&key, far_deadline()).await.unwrap_err();
    assert!(error.message().contains("max_in_flight"), "{error}");
    assert_eq!(vault.threads.count(), 2, "no further thread was risked");

    tokio::time::resume();
    compartment.start().await;
    assert_eq!(compartment.status().state, CompartmentState::Ready, "a probe has a thread of its own");

    drop(release);
    let error = compartment.resolve(&key, far_deadline()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "the threads returned, and their permits with them");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_backend_fails_every_waiter_and_counts_for_the_breaker() {
    let (vault, _release) = Blocking::new(1);
    let compartment = Arc::new(Compartment::new("panics".into(), CompartmentPolicy::default(), vault));
    for _ in 0..5 {
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let compartment = Arc::clone(&compartment);
            crowd.spawn(async move { compartment.resolve(&Rig::key("read/panics"), far_deadline()).await });
        }
        for answer in crowd.join_all().await {
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Malformed);
        }
    }
    assert_eq!(compartment.status().state, CompartmentState::Down);
    assert_eq!(compartment.client.available_permits(), CompartmentPolicy::default().max_in_flight);
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_a_field_is_malformed_and_the_vault_stays_ready() {
    let (vault, _release) = Blocking::new(1);
    let compartment = Compartment::new("hollow".into(), CompartmentPolicy::default(), vault);
    for _ in 0..10 {
        let error = compartment.resolve(&Rig::key("read/hollow"), far_deadline()).await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (ErrorKind::Malformed, cofferdam_vault::Scope::Secret));
    }
    assert_eq!(compartment.status().state, CompartmentState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_creates_a_lease_is_not_retried_after_a_lost_answer() {
    let rig = Rig::new(CompartmentPolicy::default());
    rig.memory.serve_dynamic(&path("github/work"), Duration::from_secs(3600));
    rig.faults.once(Calls::Reads, Fault::lost_response());
    assert_eq!(rig.kind().await, Some(ErrorKind::Unavailable));
    assert_eq!((rig.reads(), rig.memory.leases()), (1, 1));
    let credential = rig.compartment.resolve(&Rig::key("github/work"), far_deadline()).await.unwrap();
    assert!(credential.secret.lease.is_some(), "the lease stays with its secret");
}
