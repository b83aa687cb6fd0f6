//! Through the broker from end to end: rotation, and the start.

use std::time::Duration;

use cofferdam_vault::Stage;
use cofferdam_vault::testkit::{Calls, Fault, Faults, MemoryVault, field, path};
use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A broker with the module `github` and its account `work` in one memory vault, and what is needed to look at it.
struct World {
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

fn parts(name: &str, walls: Walls) -> (MemoryVault, Faults, VaultParts) {
    let (memory, faults) = (MemoryVault::new(name), Faults::default());
    memory.put("github/work", [("token", "one")]);
    let vault = faults.wrap(Arc::new(memory.clone()));
    (memory, faults, VaultParts { name: name.into(), walls, vault })
}

impl World {
    fn new(walls: Walls) -> Self {
        let (memory, faults, parts) = parts("main", walls);
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

    /// One call: `valid` is the token that the service takes. Answers the token that it took, as the calls' own loop does.
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
async fn a_rotation_that_the_service_does_not_enforce_is_used_within_the_caches_time() {
    for rotated_after in [0, 1, 150, 299] {
        let world = World::new(Walls::default());
        assert_eq!(token(&*world.credential().await), "one");
        advance(rotated_after * SECOND).await;
        world.memory.put("github/work", [("token", "two")]);
        let rotated = Instant::now();
        while token(&*world.credential().await) == "one" {
            advance(SECOND).await;
        }
        assert!(rotated.elapsed() <= Walls::default().cache_ttl, "{:?}", rotated.elapsed());
        assert_eq!(world.memory.requests().read, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_the_service_enforces_is_used_at_once_and_costs_one_read() {
    let world = World::new(Walls::default());
    assert_eq!(world.call("one").await.as_deref(), Some("one"));
    world.memory.put("github/work", [("token", "two")]);
    let rotated = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(world.call("two").await.as_deref(), Some("two"));
    }
    assert_eq!((rotated.elapsed(), world.memory.requests().read), (Duration::ZERO, 2));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_lags_behind_a_rotation_gets_the_previous_state_until_it_follows() {
    let world = World::new(Walls::default());
    world.memory.put("github/work", [("token", "two")]);
    for _ in 0..20 {
        assert_eq!(world.call("one").await.as_deref(), Some("one"));
        advance(SECOND).await;
    }
    assert_eq!(world.memory.requests().read, 3, "current, current anew, previous");
    assert_eq!(world.call("two").await.as_deref(), Some("two"));
    let credential = world.credential().await;
    assert_eq!((token(&credential).as_str(), credential.stage), ("two", Stage::Current));
}

#[tokio::test(start_paused = true)]
async fn two_rotations_in_a_row_are_followed() {
    let world = World::new(Walls::default());
    for valid in ["one", "two", "three"] {
        world.memory.put("github/work", [("token", valid)]);
        assert_eq!(world.call(valid).await.as_deref(), Some(valid));
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_wrong_everywhere_is_no_storm() {
    let world = World::new(Walls { cache_ttl: Duration::from_secs(3600), ..Walls::default() });
    for _ in 0..120 {
        for _ in 0..10 {
            assert_eq!(world.call("never").await, None);
        }
        advance(SECOND).await;
    }
    // At first; then twice an interval, the current state and the previous one.
    assert_eq!(world.memory.requests().read, 1 + 2 * (120 / 30));
}

#[tokio::test(start_paused = true)]
async fn logins_that_the_service_never_takes_are_no_storm_either_and_leave_no_lease() {
    let world = World::new(Walls::default());
    world.memory.serve_dynamic(&path("github/work"), 3600 * SECOND);
    for _ in 0..120 {
        for _ in 0..10 {
            assert_eq!(world.call("never").await, None);
        }
        advance(SECOND).await;
    }
    assert_eq!(world.memory.requests().read, 1 + 120 / 30);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.memory.leases(), 1);
    world.broker.close().await;
    assert_eq!(world.memory.requests().release, 1 + 120 / 30);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_cached_reads_ask_the_vault_nothing() {
    let world = World::new(Walls::default());
    world.broker.warm_up().await;
    let before = world.memory.requests();
    for _ in 0..100_000 {
        world.credential().await;
    }
    assert_eq!(world.memory.requests(), before);
}

#[tokio::test(start_paused = true)]
async fn a_start_finds_which_shared_accounts_lack_a_credential_and_reads_them_once() {
    let (memory, _, main) = parts("main", Walls::default());
    let broker = Broker::new(
        vec![main],
        vec![binding("github", "main", "{module}/{account}"), binding("notes", "main", "{user}/{account}")],
    );
    broker.start().await;
    let found = broker.warm_up().await;
    let name = |account: &str| ("github".to_owned(), account.to_owned());
    assert!(found[&name("work")].is_ok());
    assert!(matches!(found[&name("personal")], Err(BrokerError::Missing { .. })));
    assert_eq!(found.len(), 2, "nobody's own credential is looked at");
    let deadline = Instant::now() + SECOND;
    broker.credential(&Caller::local(), "github", "work", deadline).await.unwrap();
    broker.credential(&Caller::local(), "github", "personal", deadline).await.unwrap_err();
    let requests = memory.requests();
    assert_eq!((requests.read_many, requests.read), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_down_at_start_is_not_read_and_takes_no_neighbour_along() {
    let (_, faults, down) = parts("down", Walls::default());
    let (_, _, well) = parts("well", Walls::default());
    let broker = Broker::new(
        vec![down, well],
        vec![binding("issues", "down", "github/{account}"), binding("github", "well", "{module}/{account}")],
    );
    faults.set(Calls::All, Fault::Hang);
    broker.start().await;
    let start = Instant::now();
    let found = broker.warm_up().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(faults.attempts(Calls::Reads), 0);
    assert!(matches!(found[&("issues".into(), "work".into())], Err(BrokerError::Unavailable { .. })));
    assert!(found[&("github".into(), "work".into())].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_rotation_while_the_vault_is_slow_still_ends_within_the_calls_deadline() {
    let world = World::new(Walls::default());
    let old = world.credential().await;
    world.faults.set(Calls::Reads, Fault::Hang);
    let start = Instant::now();
    assert!(world.after_rejection(&old).await.is_none());
    assert!(start.elapsed() <= 5 * SECOND);
}
