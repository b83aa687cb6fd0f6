//! Each scripted fault has the documented effect, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::testkit::{Calls, Fault, Faults, FaultyVault, MemoryVault, field, fields, path};
use cofferdam_vault::{ErrorKind, Expect, Retry, Scope, Secret, Stage, Vault, VaultError};
use tokio::time::Instant;

fn faulty_vault() -> (MemoryVault, Faults, Arc<FaultyVault>) {
    let (memory, faults) = (MemoryVault::new("faulty"), Faults::default());
    memory.put("github/work", [("token", "one")]);
    let vault = faults.wrap(Arc::new(memory.clone()));
    (memory, faults, vault)
}

async fn read(vault: &FaultyVault) -> Result<Secret, VaultError> {
    vault.read(&path("github/work"), &[field("token")], Stage::Current).await
}

fn kind(result: Result<Secret, VaultError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_returns_after_exactly_that_time() {
    let (_, faults, vault) = faulty_vault();
    faults.set(Calls::Reads, Fault::Delay(Duration::from_secs(3)));
    let start = Instant::now();
    assert_eq!(kind(read(&vault).await), None);
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    vault.probe().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3), "a probe is not a read");
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_never_reaches_the_vault() {
    let (memory, faults, vault) = faulty_vault();
    let error = VaultError::vault(ErrorKind::Timeout, "late");
    faults.set(Calls::Reads, Fault::FailAfter(Duration::from_secs(3), error));
    let start = Instant::now();
    assert_eq!(kind(read(&vault).await), Some(ErrorKind::Timeout));
    assert_eq!((start.elapsed(), memory.requests().read), (Duration::from_secs(3), 0));
}

#[tokio::test(start_paused = true)]
async fn a_hung_call_waits_until_it_is_released() {
    let (memory, faults, vault) = faulty_vault();
    faults.set(Calls::All, Fault::Hang);
    let hung: Vec<_> = (0..3)
        .map(|_| {
            let vault = Arc::clone(&vault);
            tokio::spawn(async move { read(&vault).await })
        })
        .collect();
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, read(&vault)).await.is_err(), "an hour is not enough");
    assert_eq!((faults.in_flight(), faults.max_in_flight(), memory.requests().read), (3, 4, 0));
    faults.clear();
    tokio::task::yield_now().await;
    assert_eq!(faults.in_flight(), 3, "a call that hangs keeps hanging");
    faults.release();
    for call in hung {
        assert_eq!(kind(call.await.unwrap()), None);
    }
    assert_eq!((faults.in_flight(), faults.attempts(Calls::Reads)), (0, 4));
}

#[tokio::test]
async fn every_kind_and_scope_is_returned_as_scripted() {
    let (_, faults, vault) = faulty_vault();
    for kind in [
        ErrorKind::NotFound,
        ErrorKind::Denied,
        ErrorKind::Malformed,
        ErrorKind::Unauthenticated,
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::Throttled,
        ErrorKind::Misconfigured,
        ErrorKind::Conflict,
        ErrorKind::ReadOnly,
        ErrorKind::Unsupported,
    ] {
        for (fault, scope) in [(Fault::vault(kind), Scope::Vault), (Fault::secret(kind), Scope::Secret)] {
            faults.set(Calls::Reads, fault);
            let error = read(&vault).await.unwrap_err();
            assert_eq!((error.kind(), error.scope()), (kind, scope));
        }
    }
    faults.set(Calls::Reads, Fault::throttled(Some(Duration::from_secs(7))));
    assert_eq!(read(&vault).await.unwrap_err().retry(), Retry::After(Some(Duration::from_secs(7))));
    faults.set(Calls::Reads, Fault::garbage());
    let garbage = read(&vault).await.unwrap_err();
    assert_eq!((garbage.kind(), garbage.scope()), (ErrorKind::Malformed, Scope::Vault));
    faults.clear();
    assert_eq!(kind(read(&vault).await), None);
}

#[tokio::test]
async fn a_fault_affects_only_its_calls_and_the_last_one_set_wins() {
    let (_, faults, vault) = faulty_vault();
    faults.set(Calls::All, Fault::vault(ErrorKind::Unavailable));
    faults.set(Calls::Probes, Fault::vault(ErrorKind::Timeout));
    assert_eq!(vault.probe().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(kind(read(&vault).await), Some(ErrorKind::Unavailable));
    let write = vault.write(&path("a"), &fields([("token", "x")]), Expect::Any).await;
    assert_eq!(write.unwrap_err().kind(), ErrorKind::Unavailable);
    faults.set(Calls::All, Fault::Delay(Duration::ZERO));
    vault.probe().await.unwrap();
    assert_eq!((faults.attempts(Calls::All), faults.attempts(Calls::Probes)), (4, 2));
    assert_eq!((faults.attempts(Calls::Reads), faults.attempts(Calls::Writes)), (1, 1));
}

#[tokio::test]
async fn queued_faults_happen_once_each_in_order() {
    let (_, faults, vault) = faulty_vault();
    faults.once(Calls::Reads, Fault::vault(ErrorKind::Timeout));
    faults.once(Calls::Writes, Fault::vault(ErrorKind::Denied));
    faults.once(Calls::All, Fault::vault(ErrorKind::Unavailable));
    assert_eq!(kind(read(&vault).await), Some(ErrorKind::Timeout));
    assert_eq!(kind(read(&vault).await), Some(ErrorKind::Unavailable));
    assert_eq!(kind(read(&vault).await), None);
    let delete = vault.delete(&path("github/work"), Expect::Any).await;
    assert_eq!(delete.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_lost_response_is_an_error_after_the_call_took_effect() {
    let (_, faults, vault) = faulty_vault();
    faults.once(Calls::Writes, Fault::lost_response());
    let error =
        vault.write(&path("github/work"), &fields([("token", "two")]), Expect::Any).await.unwrap_err();
    assert_eq!(error.scope(), Scope::Vault);
    assert_eq!(read(&vault).await.unwrap().expose(&field("token")), Some("two"));
}

#[tokio::test]
async fn flapping_by_calls_fails_some_and_lets_some_succeed() {
    let (_, faults, vault) = faulty_vault();
    let error = VaultError::vault(ErrorKind::Unavailable, "flap");
    faults.set(Calls::Reads, Fault::FlapByCalls { failing: 2, succeeding: 1, error });
    let mut succeeded = Vec::new();
    for _ in 0..6 {
        succeeded.push(read(&vault).await.is_ok());
    }
    assert_eq!(succeeded, [false, false, true, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn flapping_by_time_follows_the_clock() {
    let (_, faults, vault) = faulty_vault();
    let error = VaultError::vault(ErrorKind::Unavailable, "flap");
    faults.set(Calls::Reads, Fault::FlapByTime { period: Duration::from_secs(10), error });
    let mut succeeded = Vec::new();
    for _ in 0..6 {
        succeeded.push(read(&vault).await.is_ok());
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    assert_eq!(succeeded, [false, false, true, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_in_memory_ends_with_the_clock() {
    let memory = MemoryVault::new("leases");
    memory.serve_dynamic(&path("db/ro"), Duration::from_secs(60));
    memory.set_valid_for(Some(Duration::from_secs(5)));
    memory.put("github/work", [("token", "one")]);
    let plain = memory.read(&path("github/work"), &[field("token")], Stage::Current).await.unwrap();
    assert_eq!(plain.valid_for, Some(Duration::from_secs(5)));
    let lease = memory.read(&path("db/ro"), &[field("user")], Stage::Current).await.unwrap().lease.unwrap();
    tokio::time::advance(Duration::from_secs(59)).await;
    memory.renew(&lease).await.unwrap();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(memory.leases(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(memory.leases(), 0);
    assert_eq!(memory.renew(&lease).await.unwrap_err().kind(), ErrorKind::NotFound);
    let requests = memory.requests();
    assert_eq!((requests.read, requests.renew, requests.write), (2, 2, 0));
}
