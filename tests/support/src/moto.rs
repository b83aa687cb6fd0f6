//! moto behind a proxy that a test can make slow, refusing, wrong or dead.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use cofferdam_servers::Moto;
use cofferdam_vault::testkit::{self, BackendUnderTest, field, path};
use cofferdam_vault::{
    BoxFuture, ErrorKind, ExposeSecret as _, Secret, SecretFields, SecretPath, Stage, Vault, VaultError,
};
use cofferdam_vault_aws::Config;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An AWS credentials file that moto accepts.
pub const CREDENTIALS: &str =
    "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = canary-key-7b\n";

/// What happens to a request instead of moto's response.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection ends without a response.
    Dead,
    /// No response for as long as the client waits.
    Silent,
    /// This status, these headers, this body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The head of a response and a part of its body; then the connection ends.
    BreaksOff,
    /// moto does what was requested; then the connection ends.
    LostAnswer,
    /// The request waits for [`MotoProxy::release`], and is then passed on to moto.
    Held,
}

impl Fault {
    /// An error in the API's format.
    pub fn code(status: u16, code: &str) -> Self {
        let body = json!({ "__type": code, "message": "canary-message" }).to_string();
        Self::Answer(status, vec![("content-type", "application/x-amz-json-1.1".to_owned())], body)
    }
}

#[derive(Debug, Default)]
struct Script {
    /// By operation; `*` means every operation.
    permanent: HashMap<String, Fault>,
    once: VecDeque<(String, Fault)>,
    seen: Vec<Seen>,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The API's operation, such as `GetSecretValue`, or the path of a request that names none.
    pub operation: String,
    /// The body.
    pub body: String,
    /// The header `authorization`.
    pub authorization: String,
}

/// The proxy. It passes on the requests that no fault is set for, one at a time: moto takes no locks, and AWS orders the
/// requests for one secret.
#[derive(Debug, Clone)]
pub struct MotoProxy {
    moto: String,
    script: Arc<Mutex<Script>>,
    one_at_a_time: Arc<tokio::sync::Mutex<()>>,
    client: reqwest::Client,
    released: Arc<tokio::sync::Notify>,
    arrived: Arc<tokio::sync::Notify>,
}

impl MotoProxy {
    /// Every request for `operation` meets `fault`, until [`MotoProxy::clear`].
    pub fn set(&self, operation: &str, fault: Fault) {
        self.script.lock().unwrap().permanent.insert(operation.to_owned(), fault);
    }

    /// The next request for `operation` meets `fault`.
    pub fn once(&self, operation: &str, fault: Fault) {
        self.script.lock().unwrap().once.push_back((operation.to_owned(), fault));
    }

    /// Removes all faults.
    pub fn clear(&self) {
        let mut script = self.script.lock().unwrap();
        script.permanent.clear();
        script.once.clear();
    }

    /// Passes on the request that is held.
    pub fn release(&self) {
        self.released.notify_one();
    }

    /// Waits until `count` requests for `operation` have arrived.
    pub async fn wait_for(&self, operation: &str, count: usize) {
        while self.count(operation) < count {
            self.arrived.notified().await;
        }
    }

    /// The number of requests for `operation` so far; `*` counts all.
    pub fn count(&self, operation: &str) -> usize {
        self.seen(operation).len()
    }

    /// The requests for `operation` so far; `*` means all.
    pub fn seen(&self, operation: &str) -> Vec<Seen> {
        let script = self.script.lock().unwrap();
        script.seen.iter().filter(|seen| operation == "*" || seen.operation == operation).cloned().collect()
    }

    fn fault(&self, seen: Seen) -> Option<Fault> {
        let operation = &*seen.operation.clone();
        let mut script = self.script.lock().unwrap();
        script.seen.push(seen);
        self.arrived.notify_one();
        if let Some(at) = script.once.iter().position(|(name, _)| name == operation || name == "*") {
            return script.once.remove(at).map(|(_, fault)| fault);
        }
        script.permanent.get(operation).or_else(|| script.permanent.get("*")).cloned()
    }

    async fn pass_on(
        &self,
        method: Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Response<Body> {
        let _guard = self.one_at_a_time.lock().await;
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
    State(proxy): State<MotoProxy>,
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
    match proxy.fault(Seen { operation, body: text, authorization: header("authorization") }) {
        None => proxy.pass_on(method, &uri, headers, body).await,
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
            proxy.released.notified().await;
            proxy.pass_on(method, &uri, headers, body).await
        }
        Some(Fault::LostAnswer) => {
            proxy.pass_on(method, &uri, headers, body).await;
            hang_up()
        }
    }
}

/// Ends the connection's task, and the connection with it; nothing is reported.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new(()))
}

/// A moto in a lock: only one thread may receive what its process prints.
type SharedMoto = Mutex<Moto>;

/// The moto that all tests of this process share; it ends with the last of them.
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

/// A prefix of its own in moto, behind a proxy.
#[derive(Debug)]
pub struct MotoEnv {
    /// The proxy before moto.
    pub proxy: MotoProxy,
    /// The folder with the credentials file.
    pub dir: TempDir,
    /// The prefix of its secrets.
    pub prefix: String,
    /// The proxy's address.
    pub address: String,
    _moto: Arc<SharedMoto>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for MotoEnv {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl MotoEnv {
    /// Starts moto, unless it runs already, and a proxy.
    pub async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let moto = moto();
        let proxy = MotoProxy {
            moto: moto.lock().unwrap().address(),
            script: Arc::default(),
            one_at_a_time: Arc::default(),
            released: Arc::default(),
            arrived: Arc::default(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(proxy.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("credentials"), CREDENTIALS).unwrap();
        let prefix = format!("cofferdam/case-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { proxy, dir, prefix, address, _moto: moto, server }
    }

    /// The vault's settings.
    pub fn settings(&self) -> String {
        format!(
            "region = 'eu-central-1'\nprefix = '{}'\nendpoint = '{}'\ncredentials_file = 'credentials'\n",
            self.prefix, self.address
        )
    }

    /// moto's address, without the proxy.
    pub fn moto(&self) -> &str {
        &self.proxy.moto
    }

    /// Opens a vault with other settings.
    pub fn open_with(&self, settings: &str) -> Arc<dyn Vault> {
        open(self.dir.path(), settings)
    }

    /// One request to moto, without the vault and the proxy.
    ///
    /// # Errors
    ///
    /// The code of moto's error.
    pub async fn raw(&self, operation: &str, mut body: Value, at: &str) -> Result<Value, String> {
        let key = if operation == "CreateSecret" { "Name" } else { "SecretId" };
        body[key] = json!(format!("{}/{at}", self.prefix));
        let scope = "Credential=AKIDEXAMPLE/20260101/eu-central-1/secretsmanager/aws4_request";
        let answer = self
            .proxy
            .client
            .post(&self.proxy.moto)
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

    /// Writes `text` as another program would: a new current version. The stage is moved as the vault moves it, because moto
    /// forgets where the stage was moved to if it is moved in one step.
    pub async fn put(&self, at: &str, text: &str) {
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

    /// The current version.
    pub async fn current(&self, at: &str) -> String {
        let described = self.raw("DescribeSecret", json!({}), at).await.unwrap();
        let stages = described["VersionIdsToStages"].as_object().unwrap().clone();
        let current =
            stages.iter().find(|(_, stages)| stages.as_array().unwrap().contains(&json!("AWSCURRENT")));
        current.unwrap().0.clone()
    }
}

/// Opens a vault with these settings; relative paths are in `dir`.
pub fn open(dir: &Path, settings: &str) -> Arc<dyn Vault> {
    testkit::open::<Config>(settings, dir)
}

/// Reads the field `token` of the secret at `at`.
///
/// # Errors
///
/// What the vault reports.
pub async fn token(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(text(&secret))
}

/// The field `token`.
pub fn text(secret: &Secret) -> String {
    secret.expose(&field("token")).unwrap().to_owned()
}

/// `fields` as they are stored in a secret.
fn as_json(fields: &SecretFields) -> String {
    let members: HashMap<_, _> =
        fields.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    serde_json::to_string(&members).unwrap()
}

impl BackendUnderTest for MotoEnv {
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
            self.proxy.set("*", Fault::Dead);
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.proxy.clear() })
    }
}
