//! moto with a front before it that the tests can make slow, refusing, wrong or dead.
#![allow(dead_code)] // each test binary uses its part

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use cofferdam_servers::Moto;
use cofferdam_vault::testkit::{Subject, field, path};
use cofferdam_vault::{
    BackendConfig as _, BoxFuture, ErrorKind, ExposeSecret as _, Secret, SecretFields, SecretPath, Stage,
    Threads, Vault, VaultContext, VaultError,
};
use cofferdam_vault_aws::Config;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const CREDENTIALS: &str =
    "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = canary-key-7b\n";

/// What happens to a request in place of an answer by moto.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection ends without an answer.
    Dead,
    /// No answer, for as long as the client waits.
    Silent,
    /// This status, these headers, this body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The head of an answer and a part of its body, and then the end of the connection.
    BreaksOff,
    /// moto does what it is asked to, and then the connection ends.
    LostAnswer,
    /// The request waits here for [`Front::release`], and then goes on to moto.
    Held,
}

impl Fault {
    /// An error as the API words it.
    pub(crate) fn code(status: u16, code: &str) -> Self {
        let body = json!({ "__type": code, "message": "canary-message" }).to_string();
        Self::Answer(status, vec![("content-type", "application/x-amz-json-1.1".to_owned())], body)
    }
}

#[derive(Default)]
struct Script {
    /// By operation; `*` is every one.
    standing: HashMap<String, Fault>,
    once: VecDeque<(String, Fault)>,
    seen: Vec<Seen>,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) operation: String,
    pub(crate) body: String,
    pub(crate) authorization: String,
}

/// The front: takes requests, and passes on those that no fault is meant for, one at a time: moto holds no locks, where
/// AWS's answers to one secret are in order.
#[derive(Clone)]
pub(crate) struct Front {
    moto: String,
    script: Arc<Mutex<Script>>,
    one_at_a_time: Arc<tokio::sync::Mutex<()>>,
    client: reqwest::Client,
    released: Arc<tokio::sync::Notify>,
    arrived: Arc<tokio::sync::Notify>,
}

impl Front {
    pub(crate) fn set(&self, operation: &str, fault: Fault) {
        self.script.lock().unwrap().standing.insert(operation.to_owned(), fault);
    }

    pub(crate) fn once(&self, operation: &str, fault: Fault) {
        self.script.lock().unwrap().once.push_back((operation.to_owned(), fault));
    }

    pub(crate) fn clear(&self) {
        let mut script = self.script.lock().unwrap();
        script.standing.clear();
        script.once.clear();
    }

    /// Lets the one request that is held go on.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Waits until `count` requests for `operation` have come.
    pub(crate) async fn wait_for(&self, operation: &str, count: usize) {
        while self.count(operation) < count {
            self.arrived.notified().await;
        }
    }

    /// How many requests for `operation` have come; `*` counts all.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.seen(operation).len()
    }

    /// The requests for `operation`; `*` means all.
    pub(crate) fn seen(&self, operation: &str) -> Vec<Seen> {
        let script = self.script.lock().unwrap();
        script.seen.iter().filter(|seen| operation == "*" || seen.operation == operation).cloned().collect()
    }

    fn fault(&self, seen: Seen) -> Option<Fault> {
        let operation = &*seen.operation.clone();
        let mut script = self.script.lock().unwrap();
        script.seen.push(seen);
        self.arrived.notify_one();
        if let Some(at) = script.once.iter().position(|(wanted, _)| wanted == operation || wanted == "*") {
            return script.once.remove(at).map(|(_, fault)| fault);
        }
        script.standing.get(operation).or_else(|| script.standing.get("*")).cloned()
    }

    async fn pass_on(
        &self,
        method: Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Response<Body> {
        let _turn = self.one_at_a_time.lock().await;
        headers.remove("host");
        headers.remove("content-length");
        let url = format!("{}{uri}", self.moto);
        let answer = self.client.request(method, url).headers(headers).body(body).send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        if let Some(kind) = answer.headers().get("content-type") {
            response = response.header("content-type", kind);
        }
        response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
    }
}

async fn answer(
    State(front): State<Front>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let header =
        |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(&body).into_owned();
    // The token service names its operation in the body: `Action=AssumeRole&…`. Others have a path alone.
    let operation = match header("x-amz-target").split_once('.') {
        Some((_, operation)) => operation.to_owned(),
        None => {
            let action = text.split('&').find_map(|pair| pair.strip_prefix("Action="));
            action.unwrap_or(uri.path()).to_owned()
        }
    };
    match front.fault(Seen { operation, body: text, authorization: header("authorization") }) {
        None => front.pass_on(method, &uri, headers, body).await,
        Some(Fault::Dead) => hang_up(),
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Answer(status, extra, body)) => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in extra {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Some(Fault::BreaksOff) => Response::builder()
            .header("content-type", "application/x-amz-json-1.1")
            .header("content-length", "1000")
            .body(Body::from_stream(futures_util::stream::iter([
                Ok(Bytes::from_static(b"{\"Name\": \"canary-body")),
                Err(std::io::Error::other("the end")),
            ])))
            .unwrap(),
        Some(Fault::Held) => {
            front.released.notified().await;
            front.pass_on(method, &uri, headers, body).await
        }
        Some(Fault::LostAnswer) => {
            front.pass_on(method, &uri, headers, body).await;
            hang_up()
        }
    }
}

/// Ends the connection's task, and with it the connection; nothing is reported.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new(()))
}

/// A moto behind a lock: what its process prints is received by one thread only.
type SharedMoto = Mutex<Moto>;

/// One moto for the tests that run at one time.
fn moto() -> Arc<SharedMoto> {
    static SHARED: Mutex<Weak<SharedMoto>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    if let Some(moto) = shared.upgrade() {
        return moto;
    }
    let moto = Arc::new(Mutex::new(Moto::start().unwrap_or_else(|error| panic!("{error}"))));
    *shared = Arc::downgrade(&moto);
    moto
}

/// A prefix of its own in moto, with a front before it.
pub(crate) struct Site {
    pub(crate) front: Front,
    pub(crate) dir: TempDir,
    pub(crate) prefix: String,
    pub(crate) address: String,
    _moto: Arc<SharedMoto>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let moto = moto();
        let front = Front {
            moto: moto.lock().unwrap().address(),
            script: Arc::default(),
            one_at_a_time: Arc::default(),
            released: Arc::default(),
            arrived: Arc::default(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(front.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("credentials"), CREDENTIALS).unwrap();
        let prefix = format!("cofferdam/case-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { front, dir, prefix, address, _moto: moto, server }
    }

    pub(crate) fn settings(&self) -> String {
        format!(
            "region = 'eu-central-1'\nprefix = '{}'\nendpoint = '{}'\ncredentials_file = 'credentials'\n",
            self.prefix, self.address
        )
    }

    /// moto's address, past the front.
    pub(crate) fn moto(&self) -> &str {
        &self.front.moto
    }

    pub(crate) fn open_with(&self, settings: &str) -> Arc<dyn Vault> {
        open(self.dir.path(), settings)
    }

    /// Asks moto itself, past the vault and the front.
    pub(crate) async fn raw(&self, operation: &str, mut body: Value, at: &str) -> Result<Value, String> {
        let key = if operation == "CreateSecret" { "Name" } else { "SecretId" };
        body[key] = json!(format!("{}/{at}", self.prefix));
        let scope = "Credential=AKIDEXAMPLE/20260101/eu-central-1/secretsmanager/aws4_request";
        let answer = self
            .front
            .client
            .post(&self.front.moto)
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let good = answer.status().is_success();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        if good { Ok(body) } else { Err(body["__type"].as_str().unwrap_or_default().to_owned()) }
    }

    /// Writes `text` as someone else would: a new current version. The stage is moved, as the vault moves it, since moto's
    /// own way of doing it in one step forgets where the stage was moved to before.
    pub(crate) async fn put(&self, at: &str, text: &str) {
        match self.raw("CreateSecret", json!({ "SecretString": text }), at).await {
            Ok(_) => return,
            Err(code) => assert_eq!(code, "ResourceExistsException"),
        }
        self.raw("RestoreSecret", json!({}), at).await.unwrap();
        let body = json!({ "SecretString": text, "VersionStages": ["SEED"] });
        let put = self.raw("PutSecretValue", body, at).await.unwrap();
        if put["VersionStages"].as_array().unwrap().contains(&json!("AWSCURRENT")) {
            return;
        }
        let move_to = put["VersionId"].clone();
        let body = json!({
            "VersionStage": "AWSCURRENT", "RemoveFromVersionId": self.current(at).await, "MoveToVersionId": move_to,
        });
        self.raw("UpdateSecretVersionStage", body, at).await.unwrap();
    }

    /// The version that is current.
    pub(crate) async fn current(&self, at: &str) -> String {
        let described = self.raw("DescribeSecret", json!({}), at).await.unwrap();
        let stages = described["VersionIdsToStages"].as_object().unwrap().clone();
        let current =
            stages.iter().find(|(_, stages)| stages.as_array().unwrap().contains(&json!("AWSCURRENT")));
        current.unwrap().0.clone()
    }
}

pub(crate) fn open(dir: &Path, settings: &str) -> Arc<dyn Vault> {
    let config: Config = toml::from_str(settings).unwrap();
    assert_eq!(config.problems(), []);
    config.into_vault(VaultContext {
        name: "cloud".to_owned(),
        base_dir: dir.to_owned(),
        threads: Threads::new("cloud", 2),
        prompt: None,
    })
}

pub(crate) async fn token(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(text(&secret))
}

pub(crate) fn text(secret: &Secret) -> String {
    secret.expose(&field("token")).unwrap().to_owned()
}

/// `fields` as they stand in a secret.
pub(crate) fn as_json(fields: &SecretFields) -> String {
    let members: HashMap<_, _> =
        fields.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    serde_json::to_string(&members).unwrap()
}

impl Subject for Site {
    fn open(&self) -> Arc<dyn Vault> {
        self.open_with(&self.settings())
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.put(path.as_str(), &as_json(fields)).await })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.raw("DeleteSecret", json!({}), path.as_str()).await.unwrap();
        })
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        Box::pin(async {
            self.front.set("*", Fault::Dead);
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.front.clear() })
    }
}
