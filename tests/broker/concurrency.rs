//! Thousands of callers need the same credential at once.

use std::sync::Arc;

use cofferdam::broker::{Broker, BrokerError, CompartmentPolicy, ModuleBinding, VaultParts};
use cofferdam::caller::Caller;
use cofferdam_vault::testkit::{Calls, Fault, MemoryVault};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backend_under_test::{BackendUnderTest, all_backends};
use crate::fixture::{DEADLINE, Fixture, SECOND, bearer, memory};

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_who_miss_at_once_make_one_read_with_the_first_one_gone() {
    for BackendUnderTest { name: backend, vault, .. } in all_backends() {
        let fixture =
            Fixture::new(vault, CompartmentPolicy { max_waiting: 10_000, ..CompartmentPolicy::default() });
        fixture.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let call = || {
            let broker = Arc::clone(&fixture.broker);
            async move { broker.credential(&Caller::local(), "github", "work", Instant::now() + DEADLINE).await }
        };
        let first = tokio::spawn(call());
        while fixture.faults.attempts(Calls::Reads) == 0 {
            tokio::task::yield_now().await;
        }
        let mut crowd = JoinSet::new();
        for _ in 1..10_000 {
            crowd.spawn(call());
        }
        tokio::task::yield_now().await;
        first.abort();
        let answers = crowd.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 9_999, "{backend}");
        assert_eq!(fixture.faults.attempts(Calls::Reads), 1, "{backend}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_rejects_a_thousand_calls_causes_one_refetch() {
    let memory = memory("rotated");
    let fixture = Fixture::new(Arc::new(memory.clone()), CompartmentPolicy::default());
    let old = fixture.call("github").await.unwrap();
    let new = memory.put("github/work", [("token", "two")]);
    let mut crowd = JoinSet::new();
    for _ in 0..1_000 {
        let (broker, old) = (Arc::clone(&fixture.broker), Arc::clone(&old));
        crowd.spawn(async move {
            broker.after_rejection(&Caller::local(), &old, Instant::now() + DEADLINE).await
        });
    }
    for answer in crowd.join_all().await {
        assert_eq!(answer.unwrap().unwrap().version(), &new);
    }
    assert_eq!(memory.requests().read, 2);
}

#[tokio::test]
async fn a_module_finds_its_vault_its_account_and_its_users_path() {
    let memory = MemoryVault::new("users");
    let caller = Caller::local();
    memory.put(&format!("{}/github/work", caller.path_segment()), [("token", "mine")]);
    let parts =
        VaultParts { name: "users".into(), policy: CompartmentPolicy::default(), vault: Arc::new(memory) };
    let binding = ModuleBinding {
        module: "github".into(),
        vault: "users".into(),
        accounts: vec!["work".into(), "personal".into()],
        path: "{user}/{module}/{account}".parse().unwrap(),
        credential: bearer(),
    };
    let broker = Broker::new(vec![parts], vec![binding]);
    let deadline = Instant::now() + DEADLINE;
    let credential = broker.credential(&caller, "github", "work", deadline).await.unwrap();
    assert_eq!((credential.module.as_str(), credential.account.as_str()), ("github", "work"));
    let again = broker.credential(&caller, "github", "work", deadline).await.unwrap();
    assert!(Arc::ptr_eq(&credential, &again), "a hit is the very same credential");
    let missing = broker.credential(&caller, "github", "personal", deadline).await;
    assert!(matches!(missing, Err(BrokerError::Missing { .. })));
    for (module, account) in [("github", "nobody"), ("gitlab", "work")] {
        let unknown = broker.credential(&caller, module, account, deadline).await;
        assert!(matches!(unknown, Err(BrokerError::UnknownAccount { .. })));
    }
    let (_, path) = broker.store(&caller, "github", "work").unwrap();
    assert_eq!(path.as_str(), format!("{}/github/work", caller.path_segment()));
    assert_eq!(broker.module_vault("github").unwrap().name, "users");
    assert!(broker.module_vault("gitlab").is_none());
}
