//! The broker as a whole: rotation and start.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::Stage;
use cofferdam_vault::testkit::{Calls, Fault, Faults, MemoryVault, field, path};
use tokio::time::{Instant, advance};

use super::*;
use crate::caller::Caller;

const SECOND: Duration = Duration::from_secs(1);

/// A broker with the module `github`, its account `work` and one memory vault.
struct Fixture {
    memory: MemoryVault,
    faults: Faults,
    broker: Broker,
}

fn binding(module: &str, vault: &str, path: &str) -> ModuleBinding {
    ModuleBinding {
        module: module.into(),
        vault: vault.into(),
        accounts: vec!["work".into(), "personal".into()],
        path: path.parse().unwrap(),
        credential: serde_json::from_str(r#"{ "kind": "bearer" }"#).unwrap(),
    }
}

fn parts(name: &str, policy: CompartmentPolicy) -> (MemoryVault, Faults, VaultParts) {
    let (memory, faults) = (MemoryVault::new(name), Faults::default());
    memory.put("github/work", [("token", "one")]);
    let vault = faults.wrap(Arc::new(memory.clone()));
    (memory, faults, VaultParts { name: name.into(), policy, vault })
}

impl Fixture {
    fn new(policy: CompartmentPolicy) -> Self {
        let (memory, faults, parts) = parts("main", policy);
        let broker = Broker::new(vec![parts], vec![binding("github", "main", "{module}/{account}")]);
        Self { memory, faults, broker }
    }

    async fn credential(&self) -> Arc<Credential> {
        let deadline = Instant::now() + 5 * SECOND;
        self.broker.credential(&Caller::local(), "github", "work", deadline).await.unwrap()
    }

    async fn after_rejection(&self, rejected: &Credential) -> Option<Arc<Credential>> {
        let deadline = Instant::now() + 5 * SECOND;
        self.broker.after_rejection(&Caller::local(), rejected, deadline).await.unwrap()
    }

    /// One call to a service that accepts only the token `valid`. Returns the accepted token, like the loop in `calls`.
    async fn call(&self, valid: &str) -> Option<String> {
        let mut credential = self.credential().await;
        loop {
            if token(&credential) == valid {
                return Some(valid.to_owned());
            }
            credential = self.after_rejection(&credential).await?;
        }
    }
}

fn token(credential: &Credential) -> String {
    credential.secret.expose(&field("token")).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_the_service_does_not_enforce_is_used_within_cache_ttl() {
    for rotated_after in [0, 1, 150, 299] {
        let fixture = Fixture::new(CompartmentPolicy::default());
        assert_eq!(token(&*fixture.credential().await), "one");
        advance(rotated_after * SECOND).await;
        fixture.memory.put("github/work", [("token", "two")]);
        let rotated = Instant::now();
        while token(&*fixture.credential().await) == "one" {
            advance(SECOND).await;
        }
        assert!(rotated.elapsed() <= CompartmentPolicy::default().cache_ttl, "{:?}", rotated.elapsed());
        assert_eq!(fixture.memory.requests().read, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_the_service_enforces_is_used_at_once_and_costs_one_read() {
    let fixture = Fixture::new(CompartmentPolicy::default());
    assert_eq!(fixture.call("one").await.as_deref(), Some("one"));
    fixture.memory.put("github/work", [("token", "two")]);
    let rotated = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(fixture.call("two").await.as_deref(), Some("two"));
    }
    assert_eq!((rotated.elapsed(), fixture.memory.requests().read), (Duration::ZERO, 2));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_lags_behind_a_rotation_gets_the_previous_state_until_it_follows() {
    let fixture = Fixture::new(CompartmentPolicy::default());
    fixture.memory.put("github/work", [("token", "two")]);
    for _ in 0..20 {
        assert_eq!(fixture.call("one").await.as_deref(), Some("one"));
        advance(SECOND).await;
    }
    assert_eq!(fixture.memory.requests().read, 3, "current, current again, previous");
    assert_eq!(fixture.call("two").await.as_deref(), Some("two"));
    let credential = fixture.credential().await;
    assert_eq!((token(&credential).as_str(), credential.stage), ("two", Stage::Current));
}

#[tokio::test(start_paused = true)]
async fn two_rotations_in_a_row_are_followed() {
    let fixture = Fixture::new(CompartmentPolicy::default());
    for valid in ["one", "two", "three"] {
        fixture.memory.put("github/work", [("token", valid)]);
        assert_eq!(fixture.call(valid).await.as_deref(), Some(valid));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_credential_causes_no_storm_of_reads() {
    let fixture = Fixture::new(CompartmentPolicy {
        cache_ttl: Duration::from_secs(3600),
        ..CompartmentPolicy::default()
    });
    for _ in 0..120 {
        for _ in 0..10 {
            assert_eq!(fixture.call("never").await, None);
        }
        advance(SECOND).await;
    }
    // The first read, then two per interval: the current state and the previous one.
    assert_eq!(fixture.memory.requests().read, 1 + 2 * (120 / 30));
}

#[tokio::test(start_paused = true)]
async fn rejected_logins_cause_no_storm_of_reads_and_leave_no_lease() {
    let fixture = Fixture::new(CompartmentPolicy::default());
    fixture.memory.serve_dynamic(&path("github/work"), 3600 * SECOND);
    for _ in 0..120 {
        for _ in 0..10 {
            assert_eq!(fixture.call("never").await, None);
        }
        advance(SECOND).await;
    }
    assert_eq!(fixture.memory.requests().read, 1 + 120 / 30);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.memory.leases(), 1);
    fixture.broker.close().await;
    assert_eq!(fixture.memory.requests().release, 1 + 120 / 30);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_cached_reads_send_no_request() {
    let fixture = Fixture::new(CompartmentPolicy::default());
    fixture.broker.prefetch().await;
    let before = fixture.memory.requests();
    for _ in 0..100_000 {
        fixture.credential().await;
    }
    assert_eq!(fixture.memory.requests(), before);
}

#[tokio::test(start_paused = true)]
async fn a_start_finds_which_shared_accounts_lack_a_credential_and_reads_them_once() {
    let (memory, _, main) = parts("main", CompartmentPolicy::default());
    let broker = Broker::new(
        vec![main],
        vec![binding("github", "main", "{module}/{account}"), binding("notes", "main", "{user}/{account}")],
    );
    broker.start().await;
    let found = broker.prefetch().await;
    let name = |account: &str| ("github".to_owned(), account.to_owned());
    assert!(found[&name("work")].is_ok());
    assert!(matches!(found[&name("personal")], Err(BrokerError::Missing { .. })));
    assert_eq!(found.len(), 2, "credentials of users are not prefetched");
    let deadline = Instant::now() + SECOND;
    broker.credential(&Caller::local(), "github", "work", deadline).await.unwrap();
    broker.credential(&Caller::local(), "github", "personal", deadline).await.unwrap_err();
    let requests = memory.requests();
    assert_eq!((requests.read_many, requests.read), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_down_at_start_is_not_read_and_affects_no_other() {
    let (_, faults, down) = parts("down", CompartmentPolicy::default());
    let (_, _, well) = parts("well", CompartmentPolicy::default());
    let broker = Broker::new(
        vec![down, well],
        vec![binding("issues", "down", "github/{account}"), binding("github", "well", "{module}/{account}")],
    );
    faults.set(Calls::All, Fault::Hang);
    broker.start().await;
    let start = Instant::now();
    let found = broker.prefetch().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(faults.attempts(Calls::Reads), 0);
    assert!(matches!(found[&("issues".into(), "work".into())], Err(BrokerError::Unavailable { .. })));
    assert!(found[&("github".into(), "work".into())].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_rotation_while_the_vault_is_slow_still_ends_within_the_calls_deadline() {
    let fixture = Fixture::new(CompartmentPolicy::default());
    let old = fixture.credential().await;
    fixture.faults.set(Calls::Reads, Fault::Hang);
    let start = Instant::now();
    assert!(fixture.after_rejection(&old).await.is_none());
    assert!(start.elapsed() <= 5 * SECOND);
}
