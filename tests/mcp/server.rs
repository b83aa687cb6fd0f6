//! A server with a vault in memory and a service on loopback, and the requests of a test.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use cofferdam::broker::{Broker, CompartmentPolicy, ModuleBinding, PathTemplate, VaultParts};
use cofferdam::caller::Caller;
use cofferdam::calls::Calls;
use cofferdam::connectors::http::HttpConnector;
use cofferdam::http::Server;
use cofferdam::manifest::ManifestLibrary;
use cofferdam::memory_budget::MemoryBudget;
use cofferdam::profile::{AccessSettings, AccountEntry, ModuleEntry, ServerSettings, ToolFilter};
use cofferdam::registry::Registry;
use cofferdam_vault::testkit::{Faults, MemoryVault};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The credential. Tests check that it does not appear where it must not.
pub(crate) const TOKEN: &str = "canary-3f9a1c77-token";

/// The manifest of the sample module, which calls [`SampleService`].
const SAMPLE: &str = r#"
format = 1
name = "sample"
version = "1.0.0"
title = "Sample"
description = "Sample items"
source = "https://sample.example/docs"

[http]
base_url = "https://sample.example"
errors = { message = "message" }

[credential]
kind = "bearer"

[[tools]]
name = "get_item"
description = "Read an item"
side_effect = "none"
idempotent = true
concurrency_safe = true
request = { method = "GET", path = "/items/{id}" }
select = "{id: id}"
input.required = ["id"]
input.properties.id = { type = "string", description = "The item's id" }

[[tools]]
name = "add_item"
description = "Put an item to the items"
side_effect = "write"
idempotent = false
concurrency_safe = true
request = { method = "POST", path = "/items", body = ["title"] }
input.required = ["title"]
input.properties.title = { type = "string", description = "What it is" }

[[tools]]
name = "wait"
description = "Wait for ever"
side_effect = "none"
idempotent = true
concurrency_safe = true
request = { method = "GET", path = "/wait" }

[[tools]]
name = "wait_to_add"
description = "Put an item to the items, and wait for ever"
side_effect = "write"
idempotent = false
concurrency_safe = true
request = { method = "POST", path = "/wait", body = ["title"] }
input.required = ["title"]
input.properties.title = { type = "string", description = "What it is" }

[[tools]]
name = "big"
description = "Read too much"
side_effect = "none"
idempotent = true
concurrency_safe = true
request = { method = "GET", path = "/big" }

[[tools]]
name = "read_shape"
description = "Read something of an unusual shape"
side_effect = "none"
idempotent = true
concurrency_safe = true
request = { method = "GET", path = "/shapes/{shape}" }
select = "[].{a: a, b: b}"
input.required = ["shape"]
input.properties.shape = { type = "string", description = "Its shape" }

[[tools]]
name = "fail"
description = "Make the service fail"
side_effect = "none"
idempotent = true
concurrency_safe = true
request = { method = "GET", path = "/fail" }

[[tools]]
name = "fail_to_add"
description = "Make the service fail at a write"
side_effect = "write"
request = { method = "POST", path = "/fail" }

[[tools]]
name = "get_secret_item"
description = "Read an item whose answer holds secrets"
side_effect = "none"
request = { method = "GET", path = "/items/{id}" }
select = "{id: id}"
full = false
input.required = ["id"]
input.properties.id = { type = "string", description = "The item's id" }

[[tools]]
name = "get_changed_item"
description = "Read an item whose answer is no longer what it was"
side_effect = "none"
request = { method = "GET", path = "/items/{id}" }
select = "keys(id)"
full = false
input.required = ["id"]
input.properties.id = { type = "string", description = "The item's id" }
"#;

/// The service of the sample module: it checks its tokens and counts its requests.
#[derive(Debug, Clone)]
pub(crate) struct SampleService {
    tokens: Arc<Mutex<HashSet<String>>>,
    /// The number of open requests to `/wait`.
    pub(crate) waiting: watch::Sender<usize>,
    /// The number of requests with a valid token.
    pub(crate) accepted: watch::Sender<usize>,
    /// The number of requests with an invalid token.
    pub(crate) rejected: watch::Sender<usize>,
}

impl SampleService {
    async fn start() -> (Self, SocketAddr) {
        let service = Self {
            tokens: Arc::new(Mutex::new(HashSet::from([TOKEN.to_owned()]))),
            waiting: watch::Sender::new(0),
            accepted: watch::Sender::new(0),
            rejected: watch::Sender::new(0),
        };
        let routes = Router::new()
            .route(
                "/items/{id}",
                get(|Path(id): Path<String>, request: Request| async move {
                    let header = request.headers()["authorization"].to_str().unwrap().to_owned();
                    Json(json!({ "id": id, "title": "A pen", "you_sent": header }))
                }),
            )
            .route(
                "/items",
                axum::routing::post(|request: Request| async {
                    // A response to a body that still arrives would close the connection under it.
                    axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
                    (StatusCode::CREATED, Json(json!({ "id": 7 })))
                }),
            )
            .route("/big", get(|| async { Json(json!({ "text": "x".repeat(200 * 1024) })) }))
            .route("/shapes/{shape}", get(|Path(shape): Path<String>| async move { unusual(&shape) }))
            .route(
                "/fail",
                any(|| async { (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "message": "on fire" }))) }),
            )
            .route("/wait", any(wait))
            .with_state(service.clone())
            .layer(from_fn_with_state(service.clone(), authorize));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (service, address)
    }

    /// Accepts only `token` from now on.
    pub(crate) fn accept_only(&self, token: &str) {
        *self.tokens.lock().unwrap() = HashSet::from([token.to_owned()]);
    }

    /// Returns once `/wait` has `count` open requests.
    pub(crate) async fn until_waiting(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        within(waiting.wait_for(|n| *n == count)).await.unwrap();
    }
}

async fn authorize(State(service): State<SampleService>, request: Request, next: Next) -> Response {
    let accepted = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .is_some_and(|token| service.tokens.lock().unwrap().contains(token));
    if !accepted {
        service.rejected.send_modify(|n| *n += 1);
        return (StatusCode::UNAUTHORIZED, Json(json!({ "message": "who are you" }))).into_response();
    }
    service.accepted.send_modify(|n| *n += 1);
    next.run(request).await
}

/// Texts that take many times as much memory once decoded, or that are merely long.
fn unusual(shape: &str) -> impl IntoResponse + use<> {
    let json = |element: &str, count| format!("[{}]", vec![element; count].join(","));
    let body = match shape {
        "values" => json("0", 300_000),
        "objects" => json("{\"\":0}", 100_000),
        "wide" => json("{}", 100_000),
        _ => format!("\"{}\"", "x".repeat(3 * 1024 * 1024)),
    };
    ([("content-type", "application/json")], body)
}

async fn wait(State(service): State<SampleService>, request: Request) {
    // While it reads nothing, the service does not notice that its client has gone.
    axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    struct Open(SampleService);
    impl Drop for Open {
        fn drop(&mut self) {
            self.0.waiting.send_modify(|n| *n -= 1);
        }
    }
    service.waiting.send_modify(|n| *n += 1);
    let _open = Open(service);
    std::future::pending::<()>().await;
}

/// Fails the test if `future` hangs.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nothing happened for 20 s")
}

/// What to start.
pub(crate) struct ServerBuilder {
    pub(crate) settings: ServerSettings,
    pub(crate) access: AccessSettings,
    /// Modules and their accounts, on the vault `sample-vault`: those of the catalogue by their names, and copies of the
    /// sample module by other names.
    pub(crate) modules: Vec<(String, Vec<&'static str>)>,
    /// A service that the modules call instead of [`SampleService`], and further manifests.
    pub(crate) canned: Option<SocketAddr>,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            settings: ServerSettings {
                listen: "127.0.0.1:0".parse().unwrap(),
                admin_listen: "127.0.0.1:0".parse().unwrap(),
                modules_dir: None,
                call_timeout: Duration::from_secs(3600),
                max_calls: 100,
                max_connections: None,
                max_connections_per_peer: None,
                connection_age: Duration::from_secs(3600),
                memory_budget: 192 * 1024 * 1024,
                drain_delay: Duration::ZERO,
                shutdown_timeout: Duration::from_secs(10),
                allowed_hosts: vec!["mcp.example".into()],
                allowed_origins: vec!["https://app.example".into()],
            },
            access: AccessSettings::default(),
            modules: vec![("sample".into(), vec!["work", "personal"])],
            canned: None,
        }
    }
}

/// What runs.
pub(crate) struct Parts {
    pub(crate) service: SampleService,
    pub(crate) vault: MemoryVault,
    pub(crate) faults: Faults,
    pub(crate) calls: Arc<Calls>,
    pub(crate) settings: ServerSettings,
    pub(crate) access: AccessSettings,
    _manifests: tempfile::TempDir,
}

/// A running server over HTTP.
pub(crate) struct TestServer {
    pub(crate) parts: Parts,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) ended: tokio::task::JoinHandle<()>,
}

impl ServerBuilder {
    /// Starts everything except a transport.
    pub(crate) async fn parts(self) -> Parts {
        let (service, sample) = SampleService::start().await;
        let address = self.canned.unwrap_or(sample);
        let manifests = tempfile::tempdir().unwrap();
        std::fs::write(manifests.path().join("sample.toml"), SAMPLE).unwrap();
        std::fs::write(manifests.path().join("svc.toml"), crate::canned::MANIFEST).unwrap();
        let known = ManifestLibrary::load(Some(manifests.path()));
        let manifest = |module: &String| match known.names().contains(&module.as_str()) {
            true => module.clone(),
            false => "sample".to_owned(),
        };
        let entries: Vec<ModuleEntry> = self
            .modules
            .iter()
            .map(|(name, accounts)| ModuleEntry {
                name: name.clone(),
                vault: "sample-vault".into(),
                manifest: manifest(name),
                accounts: accounts
                    .iter()
                    .map(|account| AccountEntry { name: (*account).into(), base_url: None })
                    .collect(),
                base_url: Some(format!("http://{address}").parse().unwrap()),
                path: PathTemplate::default(),
                insecure_http: false,
                tools: ToolFilter::default(),
                in_flight: None,
                queue: None,
                lookups: None,
            })
            .collect();
        let registry = Arc::new(Registry::load(&entries, &known));
        let vault = MemoryVault::new("sample-vault");
        vault.put("sample/work", [("token", TOKEN)]);
        if self.canned.is_some() {
            for (module, accounts) in &self.modules {
                for account in accounts {
                    let token =
                        if *account == "work" { TOKEN.to_owned() } else { format!("{TOKEN}-{account}") };
                    vault.put(&format!("{module}/{account}"), [("token", token.as_str())]);
                }
            }
        }
        let faults = Faults::default();
        let bindings = entries.iter().map(|entry| binding(&registry, entry)).collect();
        let vaults = vec![VaultParts {
            name: "sample-vault".into(),
            policy: CompartmentPolicy::default(),
            vault: faults.wrap(Arc::new(vault.clone())),
        }];
        let broker = Arc::new(Broker::new(vaults, bindings));
        broker.start().await;
        let connector = HttpConnector::new().with_memory(MemoryBudget::new(self.settings.memory_budget));
        let calls = Arc::new(Calls::new(registry, broker, connector, self.settings.max_calls));
        Parts {
            service,
            vault,
            faults,
            calls,
            settings: self.settings,
            access: self.access,
            _manifests: manifests,
        }
    }

    /// Starts the server on two free ports.
    pub(crate) async fn start(self) -> TestServer {
        let parts = self.parts().await;
        let server = Server::bind(&parts.settings, &parts.access, parts.calls.clone()).await.unwrap();
        let (address, admin) = (server.address(), server.admin_address());
        let shutdown = CancellationToken::new();
        let ended = tokio::spawn(server.run(shutdown.clone()));
        TestServer { parts, address, admin, shutdown, ended }
    }
}

fn binding(registry: &Registry, entry: &ModuleEntry) -> ModuleBinding {
    let module = registry.module(&Caller::local(), &entry.name).expect("the manifest is good");
    ModuleBinding {
        module: entry.name.clone(),
        vault: entry.vault.clone(),
        accounts: entry.accounts.iter().map(|account| account.name.clone()).collect(),
        path: entry.path.clone(),
        credential: module.service.credential.clone(),
    }
}

impl TestServer {
    /// A JSON-RPC request, as a client of 2025-11-25 sends it.
    pub(crate) fn post(&self, method: &str, params: Value) -> reqwest::RequestBuilder {
        self.post_text(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string())
            .header("mcp-protocol-version", "2025-11-25")
    }

    /// A request with any text as its body.
    pub(crate) fn post_text(&self, text: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new()
            .post(format!("http://{}/mcp", self.address))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(text.to_owned())
    }

    /// The result of a meta-tool.
    pub(crate) async fn tool(&self, name: &str, arguments: Value) -> Value {
        let params = json!({ "name": name, "arguments": arguments });
        let answer = within(self.post("tools/call", params).send()).await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["result"].clone()
    }

    /// The result of `call_module_tool` with module `sample` and account `work`.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.call_of("sample", tool, arguments).await
    }

    /// The result of `call_module_tool` with `module` and account `work`.
    pub(crate) async fn call_of(&self, module: &str, tool: &str, arguments: Value) -> Value {
        let arguments = json!({ "module": module, "tool": tool, "account": "work", "arguments": arguments });
        self.tool("call_module_tool", arguments).await
    }
}
