//! Calls that wait or hang, and what they leave to the calls of another module.

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use cofferdam_vault::testkit::{Calls as VaultCalls, Fault, Faults, MemoryVault};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::admission::Admission;
use super::target::Target;
use super::*;
use crate::broker::{Broker, CompartmentPolicy, ModuleBinding, PathTemplate, VaultParts};
use crate::caller::Caller;
use crate::connectors::http::HttpConnector;
use crate::manifest::ManifestLibrary;
use crate::profile::{AccountEntry, ModuleEntry, ToolFilter};
use crate::registry::{Module, Registry};

const MANIFEST: &str = r#"
format = 1
name = "sample"
version = "1.0.0"
title = "Sample"
description = "Sample items"
http = { base_url = "https://sample.example", limits = { in_flight = 50, queue = 60, timeout = "1h" } }
credential = { kind = "bearer" }

[[tools]]
name = "get"
description = "Read something"
side_effect = "none"
request = { method = "GET", path = "/get" }

[[tools]]
name = "hang"
description = "Wait for ever"
side_effect = "none"
request = { method = "GET", path = "/hang" }

[[tools]]
name = "hang_alone"
description = "Wait for ever, one call at a time"
side_effect = "none"
concurrency_safe = false
request = { method = "GET", path = "/hang" }
"#;

/// How many calls the server runs at once.
const MAX_CALLS: usize = 40;

const HOUR: Duration = Duration::from_secs(3600);

/// The token of every account.
const TOKEN: &str = "token-of-the-tests";

/// What a module of the profile sets for itself.
#[derive(Default, Clone, Copy)]
struct Overrides {
    in_flight: Option<u32>,
    queue: Option<u32>,
}

/// The modules `busy` and `other` of one manifest, each with a vault of its own.
struct Fixture {
    calls: Calls,
    /// The vault of `busy`.
    vault: MemoryVault,
    faults: Faults,
    /// The tokens that the service accepts.
    tokens: Arc<Mutex<HashSet<String>>>,
    /// How many requests hang at the service.
    hanging: watch::Sender<usize>,
}

/// A registry with the modules `busy` and `other`. `overrides` are for `busy`.
fn registry(base_url: &str, overrides: Overrides) -> Registry {
    let entry = |name: &str, overrides: Overrides| ModuleEntry {
        name: name.into(),
        vault: name.into(),
        manifest: "sample".into(),
        accounts: vec![AccountEntry { name: "work".into(), base_url: None }],
        base_url: Some(base_url.parse().unwrap()),
        path: PathTemplate::default(),
        insecure_http: false,
        tools: ToolFilter::default(),
        lookups: None,
        in_flight: overrides.in_flight,
        queue: overrides.queue,
    };
    let entries = [entry("busy", overrides), entry("other", Overrides::default())];
    Registry::load(&entries, &ManifestLibrary::from_files([("sample.toml", MANIFEST)]))
}

fn request(module: &str, tool: &str) -> CallRequest {
    let (module, tool) = (module.to_owned(), tool.to_owned());
    CallRequest { module, tool, arguments: Map::new(), account: None, full: false }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nothing happened for 20 s")
}

impl Fixture {
    async fn start(overrides: Overrides) -> Arc<Self> {
        let tokens = Arc::new(Mutex::new(HashSet::from([TOKEN.to_owned()])));
        let hanging = watch::Sender::new(0);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/hang", get(hang).with_state(hanging.clone()))
            .route("/get", get(respond).with_state(Arc::clone(&tokens)));
        tokio::spawn(async move { axum::serve(listener, routes).await });

        let registry = Arc::new(registry(&base_url, overrides));
        let faults = Faults::default();
        let vaults = ["busy", "other"].map(|name| {
            let vault = MemoryVault::new(name);
            vault.put(&format!("{name}/work"), [("token", TOKEN)]);
            vault
        });
        let policy =
            CompartmentPolicy { attempt_timeout: HOUR, deadline: HOUR, ..CompartmentPolicy::default() };
        let [busy, other] = vaults;
        let parts = vec![
            VaultParts {
                name: "busy".into(),
                policy: policy.clone(),
                vault: faults.wrap(Arc::new(busy.clone())),
            },
            VaultParts { name: "other".into(), policy, vault: Arc::new(other) },
        ];
        let binding = |module: &Arc<Module>| ModuleBinding {
            module: module.name.clone(),
            vault: module.name.clone(),
            accounts: vec!["work".into()],
            path: PathTemplate::default(),
            credential: module.service.credential.clone(),
        };
        let bindings = registry.modules(&Caller::local()).map(binding).collect();
        let broker = Arc::new(Broker::new(parts, bindings));
        broker.start().await;
        let calls = Calls::new(registry, broker, HttpConnector::new(), MAX_CALLS);
        Arc::new(Self { calls, vault: busy, faults, tokens, hanging })
    }

    async fn call(&self, module: &str, tool: &str) -> Result<CallAnswer, CallError> {
        self.calls.call(&Caller::local(), request(module, tool), Instant::now() + HOUR, pending()).await
    }

    /// Starts `count` calls of `busy`.
    fn flood(self: &Arc<Self>, tool: &'static str, count: usize) -> JoinSet<Result<CallAnswer, CallError>> {
        let mut flood = JoinSet::new();
        for _ in 0..count {
            let fixture = Arc::clone(self);
            flood.spawn(async move { fixture.call("busy", tool).await });
        }
        flood
    }

    fn busy(&self) -> &Arc<Module> {
        self.calls.registry().module(&Caller::local(), "busy").unwrap()
    }

    /// How many permits of `busy` are taken.
    fn taken(&self) -> usize {
        self.busy().limits.in_flight as usize - self.busy().permits.available_permits()
    }

    /// Returns once `waiting` calls of `busy` wait in its queue and `hanging` requests hang at the service.
    async fn until(&self, waiting: usize, hanging: usize) {
        let reached = async {
            while (self.calls.waiting(self.busy()), *self.hanging.borrow()) != (waiting, hanging) {
                tokio::task::yield_now().await;
            }
        };
        within(reached).await;
    }

    /// Checks that calls of `other` succeed, several at a time.
    async fn other_is_served(&self) {
        for _ in 0..4 {
            for answer in within(join_all((0..5).map(|_| self.call("other", "get")))).await {
                assert_eq!(answer.unwrap().value(), &json!({ "result": { "ok": true } }));
            }
        }
    }
}

async fn hang(State(hanging): State<watch::Sender<usize>>) {
    struct Hanging(watch::Sender<usize>);
    impl Drop for Hanging {
        fn drop(&mut self) {
            self.0.send_modify(|count| *count -= 1);
        }
    }
    hanging.send_modify(|count| *count += 1);
    let _hanging = Hanging(hanging);
    pending::<()>().await;
}

async fn respond(
    State(tokens): State<Arc<Mutex<HashSet<String>>>>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    let token = headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ");
    match tokens.lock().unwrap().contains(token) {
        true => (StatusCode::OK, Json(json!({ "ok": true }))),
        false => (StatusCode::UNAUTHORIZED, Json(json!({ "message": "who are you" }))),
    }
}

#[tokio::test]
async fn calls_that_wait_for_their_turn_leave_the_slots_to_others() {
    let fixture = Fixture::start(Overrides::default()).await;
    let mut flood = fixture.flood("hang_alone", MAX_CALLS - 1);
    fixture.until(MAX_CALLS - 2, 1).await;
    assert_eq!((fixture.calls.in_flight(), fixture.taken()), (1, 1));
    fixture.other_is_served().await;
    assert!(flood.try_join_next().is_none(), "a call of the flood has ended");
    // They leave a module's other tools their permits, too.
    let get = within(fixture.call("busy", "get")).await;
    assert!(get.is_ok(), "{get:?}");
}

#[tokio::test]
async fn calls_beyond_in_flight_leave_the_slots_and_the_permits_to_others() {
    let fixture = Fixture::start(Overrides { in_flight: Some(1), queue: None }).await;
    let mut flood = fixture.flood("hang", MAX_CALLS - 1);
    fixture.until(MAX_CALLS - 2, 1).await;
    assert_eq!(fixture.calls.in_flight(), 1);
    fixture.other_is_served().await;
    assert!(flood.try_join_next().is_none(), "a call of the flood has ended");
}

#[tokio::test]
async fn modules_of_one_manifest_have_permits_of_their_own() {
    let registry = registry("https://sample.example", Overrides::default());
    let module = |name| registry.module(&Caller::local(), name).unwrap();
    let _all = module("busy").permits.try_acquire_many(50).unwrap();
    assert_eq!(module("other").permits.available_permits(), 50);
}

#[tokio::test]
async fn calls_that_wait_for_a_hanging_vault_leave_the_slots_to_others() {
    let fixture = Fixture::start(Overrides::default()).await;
    fixture.faults.set(VaultCalls::Reads, Fault::Hang);
    let mut flood = fixture.flood("get", MAX_CALLS - 1);
    within(async {
        while fixture.taken() < MAX_CALLS - 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(fixture.calls.in_flight(), 0);
    fixture.other_is_served().await;
    assert!(flood.try_join_next().is_none(), "a call of the flood has ended");
    // All of them at once would be more than the module's share of the slots.
    fixture.faults.clear();
    fixture.faults.release();
    while let Some(ended) = within(flood.join_next()).await {
        let ended = ended.unwrap().map_err(|error| error.code);
        assert!(matches!(ended, Ok(_) | Err(Code::RateLimited)), "{ended:?}");
    }
}

#[tokio::test]
async fn a_call_that_waits_for_another_credential_holds_no_slot() {
    let fixture = Fixture::start(Overrides::default()).await;
    within(fixture.call("busy", "get")).await.unwrap();
    *fixture.tokens.lock().unwrap() = HashSet::from(["the-next-token".to_owned()]);
    fixture.vault.put("busy/work", [("token", "the-next-token")]);
    fixture.faults.set(VaultCalls::Reads, Fault::Hang);
    let mut retry = fixture.flood("get", 1);
    within(async {
        while fixture.faults.in_flight() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((fixture.calls.in_flight(), fixture.taken()), (0, 1));
    fixture.faults.release();
    let answer = within(retry.join_next()).await.unwrap().unwrap();
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_service_that_hangs_gets_no_more_than_its_share_of_the_slots() {
    let fixture = Fixture::start(Overrides::default()).await;
    let mut flood = fixture.flood("hang", MAX_CALLS - 1);
    // `FairShare` gives one module two thirds.
    fixture.until(0, 26).await;
    for _ in 26..MAX_CALLS - 1 {
        let error = within(flood.join_next()).await.unwrap().unwrap().unwrap_err();
        assert_eq!((error.code, error.outcome), (Code::RateLimited, Outcome::NotSent));
        assert!(error.message.contains("Module `busy` already runs 26 calls, its share"), "{error}");
        assert_eq!(error.retry_after_seconds, Some(1));
    }
    fixture.other_is_served().await;
}

#[tokio::test]
async fn a_full_queue_refuses_its_module_only() {
    let fixture = Fixture::start(Overrides { in_flight: Some(1), queue: Some(2) }).await;
    let _flood = fixture.flood("hang", 3);
    fixture.until(2, 1).await;
    let error = within(fixture.call("busy", "get")).await.unwrap_err();
    assert_eq!((error.code, error.outcome), (Code::RateLimited, Outcome::NotSent));
    assert!(error.message.contains("The queue of module `busy` is full"), "{error}");
    assert_eq!(error.retry_after_seconds, Some(1));
    fixture.other_is_served().await;
}

#[tokio::test]
async fn a_full_queue_refuses_no_call_that_need_not_wait() {
    let fixture = Fixture::start(Overrides { in_flight: Some(2), queue: Some(1) }).await;
    let _flood = fixture.flood("hang_alone", 2);
    fixture.until(1, 1).await;
    let get = within(fixture.call("busy", "get")).await;
    assert!(get.is_ok(), "{get:?}");
    let error = within(fixture.call("busy", "hang_alone")).await.unwrap_err();
    assert_eq!(error.code, Code::RateLimited);
}

#[tokio::test]
async fn without_a_queue_a_call_runs_at_once_or_is_refused() {
    let fixture = Fixture::start(Overrides { in_flight: Some(1), queue: Some(0) }).await;
    assert!(within(fixture.call("busy", "get")).await.is_ok());
    let _flood = fixture.flood("hang", 1);
    fixture.until(0, 1).await;
    assert_eq!(within(fixture.call("busy", "get")).await.unwrap_err().code, Code::RateLimited);
}

#[tokio::test]
async fn a_cancelled_call_leaves_its_place_its_turn_and_its_permit() {
    for tool in ["hang", "hang_alone"] {
        let fixture = Fixture::start(Overrides { in_flight: Some(1), queue: Some(1) }).await;
        let mut running = fixture.flood(tool, 1);
        fixture.until(0, 1).await;
        let mut waiting = fixture.flood(tool, 1);
        fixture.until(1, 1).await;
        waiting.shutdown().await;
        fixture.until(0, 1).await;
        let mut next = fixture.flood(tool, 1);
        fixture.until(1, 1).await;
        running.shutdown().await;
        fixture.until(0, 1).await;
        next.shutdown().await;
        assert!(within(fixture.call("busy", "get")).await.is_ok());
    }
}

#[tokio::test]
async fn with_zero_slots_no_call_is_sent() {
    let admission = Admission::new(0);
    let registry = registry("https://sample.example", Overrides::default());
    let module = registry.module(&Caller::local(), "busy").unwrap();
    let error = admission.take_slot(module, Outcome::NotSent).unwrap_err();
    assert_eq!((error.code, error.outcome), (Code::RateLimited, Outcome::NotSent));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_permit_counts_towards_the_timeout() {
    let registry = registry("https://sample.example", Overrides { in_flight: Some(1), queue: None });
    let (admission, caller) = (Admission::new(MAX_CALLS), Caller::local());
    let target = Target::resolve(&registry, &caller, &request("busy", "get")).unwrap();
    let enter = || admission.enter(&caller, target, Instant::now() + 2 * HOUR);

    let first = enter().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(first.timeout, HOUR);
    let (second, ()) = tokio::join!(enter(), async {
        tokio::time::sleep(HOUR / 4).await;
        drop(first);
    });
    let second = second.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(second.timeout, HOUR * 3 / 4);

    let start = Instant::now();
    let Err(error) = enter().await else { panic!("the permit was given twice") };
    assert_eq!(start.elapsed(), HOUR);
    assert_eq!((error.code, error.outcome), (Code::UpstreamTimeout, Outcome::NotSent));
    assert!(error.message.contains("module `busy` runs at most 1 calls at once"), "{error}");
    assert_eq!(admission.waiting(target.module), 0);
}
