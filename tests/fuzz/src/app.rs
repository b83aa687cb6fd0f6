//! A server with one module, whose service returns what a target says.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use cofferdam::broker::{Broker, ModuleBinding, VaultParts};
use cofferdam::caller::Caller;
use cofferdam::calls::{CallAnswer, CallError, CallRequest, Calls};
use cofferdam::connectors::http::HttpConnector;
use cofferdam::manifest::ManifestLibrary;
use cofferdam::profile::{self, AccessSettings, Overrides, ServerSettings, Source};
use cofferdam::registry::Registry;
use cofferdam_vault::{Threads, VaultContext};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// The credential of the module.
pub(crate) const SECRET: &str = "q7Zp2mXv9LrT4wBn";

/// How long anything may take. Only what hangs takes as long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

const MANIFEST: &str = r#"
format = 1
name = "svc"
version = "1.0.0"
title = "Service"
description = "Whatever a target says"
source = "https://svc.example/docs"

[http]
base_url = "https://svc.example"
page = { style = "link-header" }
errors = { message = "message" }

[credential]
kind = "bearer"

[[tools]]
name = "get"
description = "Read the whole"
side_effect = "none"
request = { method = "GET", path = "/get" }

[[tools]]
name = "select"
description = "Read a part"
side_effect = "none"
request = { method = "GET", path = "/select" }
select = "{number: number, title: title}"

[[tools]]
name = "list"
description = "Read a page"
side_effect = "none"
request = { method = "GET", path = "/list", query = ["page", "per_page"] }
input.properties.page = { type = "integer", minimum = 1, description = "Which page" }
input.properties.per_page = { type = "integer", minimum = 1, maximum = 100, description = "How many" }
"#;

/// The parts that run. They are started once for a process.
pub(crate) struct App {
    pub(crate) runtime: Runtime,
    pub(crate) calls: Arc<Calls>,
    pub(crate) server: ServerSettings,
    pub(crate) access: AccessSettings,
    response: Arc<Mutex<Vec<u8>>>,
    /// Held while a target runs: tests run side by side, and the service has one response.
    calling: Mutex<()>,
    _folder: TempDir,
}

static APP: LazyLock<App> = LazyLock::new(App::start);

/// The application of this process.
pub(crate) fn app() -> &'static App {
    &APP
}

impl App {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let response = Arc::new(Mutex::new(Vec::new()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(serve(listener, Arc::clone(&response)));

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), format!("SVC_TOKEN={SECRET}\n")).unwrap();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
             [vaults.local]\nbackend = \"env\"\ndotenv = \".env\"\n\
             [modules.svc]\nvault = \"local\"\nbase_url = \"http://127.0.0.1:{port}\"\n"
        );
        let source = Source::new("fuzz", PathBuf::from("fuzz.toml"), folder.path(), text);
        let manifests = ManifestLibrary::from_text("svc.toml", MANIFEST);
        let mut profile = profile::parse(&source, &Overrides::default()).unwrap().check(&manifests).unwrap();
        let registry = Arc::new(Registry::load(&profile.modules, &manifests));
        let module = registry.module(&Caller::local(), "svc").expect("the manifest is valid");
        let binding = ModuleBinding {
            module: "svc".to_owned(),
            vault: "local".to_owned(),
            accounts: vec!["default".to_owned()],
            path: profile.modules[0].path.clone(),
            credential: module.service.credential.clone(),
        };
        let vault = profile.vaults.remove(0);
        let context = VaultContext {
            name: vault.name.clone(),
            base_dir: folder.path().to_owned(),
            threads: Threads::new("fuzz", 2),
            prompt: None,
        };
        let parts =
            VaultParts { name: vault.name, policy: vault.policy, vault: vault.settings.into_vault(context) };
        let calls = runtime.block_on(async {
            let broker = Arc::new(Broker::new(vec![parts], vec![binding]));
            broker.start().await;
            Arc::new(Calls::new(registry, broker, HttpConnector::new(), 100))
        });
        Self {
            runtime,
            calls,
            server: profile.server,
            access: profile.access,
            response,
            calling: Mutex::default(),
            _folder: folder,
        }
    }

    /// Runs `steps` while the service returns `response`, a whole HTTP response.
    pub(crate) fn run<T>(&self, response: Vec<u8>, steps: impl Future<Output = T>) -> T {
        let _calling = self.calling.lock().unwrap_or_else(PoisonError::into_inner);
        *self.response.lock().unwrap_or_else(PoisonError::into_inner) = response;
        self.runtime.block_on(steps)
    }

    /// Calls a tool whose service returns `response`, a whole HTTP response.
    pub(crate) fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        response: Vec<u8>,
    ) -> Result<CallAnswer, CallError> {
        let request = CallRequest {
            module: "svc".to_owned(),
            tool: tool.to_owned(),
            arguments,
            account: None,
            full: false,
        };
        self.run(response, async {
            let caller = Caller::local();
            let call = self.calls.call(&caller, request, Instant::now() + LIMIT, std::future::pending());
            tokio::time::timeout(2 * LIMIT, call).await.expect("the call hangs")
        })
    }
}

/// Returns `response` to every request.
async fn serve(listener: TcpListener, response: Arc<Mutex<Vec<u8>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(respond(stream, Arc::clone(&response)));
    }
}

async fn respond(mut stream: TcpStream, response: Arc<Mutex<Vec<u8>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let response = response.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // The client may have read enough.
    let _ = stream.write_all(&response).await;
    let _ = stream.shutdown().await;
}
