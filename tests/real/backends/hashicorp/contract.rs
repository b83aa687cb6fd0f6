//! The suite that every backend passes, with the smallest sufficient policy: on a Vault that the test seals and unseals, or
//! on the server that the environment names, which it disconnects and connects again.

use std::sync::{Arc, Mutex};

use cofferdam_servers::Toxiproxy;
use cofferdam_testing::vault_server::{VaultServer, open, unique};
use cofferdam_vault::testkit::{BackendUnderTest, exercise};
use cofferdam_vault::{BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Vault};
use serde_json::{Map, Value, json};

/// One engine on a server, and one AppRole.
struct Fixture {
    server: Arc<VaultServer>,
    /// The proxy before a server that the test may not seal.
    proxy: Option<SwitchedProxy>,
    mount: String,
    version: u8,
    folder: tempfile::TempDir,
    auth: String,
}

impl Fixture {
    async fn new(version: u8) -> Self {
        let server = VaultServer::named_or_own();
        let proxy = match server.process(|_| ()) {
            Some(()) => None,
            None => Some(SwitchedProxy::start(&server.address).await),
        };
        let mount = server.mount_kv(version).await;
        let policy = server.policy(&mount, version).await;
        let (auth, role_id, secret_id) = server.approle(&policy, json!({})).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret-id"), secret_id).unwrap();
        let auth = format!(
            "{{ method = 'approle', mount = '{auth}', role_id = '{role_id}', secret_id_file = 'secret-id' }}"
        );
        Self { server, proxy, mount, version, folder, auth }
    }
}

/// A folder of its own in the engine.
struct Folder {
    fixture: Arc<Fixture>,
    prefix: String,
}

impl Folder {
    fn api_path(&self, path: &SecretPath) -> String {
        let data = if self.fixture.version == 2 { "/data" } else { "" };
        format!("{}{data}/{}/{path}", self.fixture.mount, self.prefix)
    }
}

impl BackendUnderTest for Folder {
    fn open(&self) -> Arc<dyn Vault> {
        let Fixture { server, proxy, mount, version, folder, auth } = &*self.fixture;
        let address = proxy.as_ref().map_or(&server.address, |proxy| &proxy.address);
        let settings = format!(
            "address = '{address}'\nmount = '{mount}'\nprefix = '{}'\nkv = {version}\nauth = {auth}",
            self.prefix
        );
        open(folder.path(), &settings)
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let fields: Map<String, Value> =
                fields.iter().map(|(name, text)| (name.to_string(), text.expose_secret().into())).collect();
            let body =
                if self.fixture.version == 2 { json!({ "data": fields }) } else { Value::Object(fields) };
            self.fixture.server.root("POST", &self.api_path(path), body).await;
        })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        Box::pin(
            async move { drop(self.fixture.server.root("DELETE", &self.api_path(path), Value::Null).await) },
        )
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        Box::pin(async {
            match &self.fixture.proxy {
                Some(proxy) => proxy.set(false).await,
                None => self.fixture.server.process(|vault| vault.seal().unwrap()).unwrap(),
            }
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            match &self.fixture.proxy {
                Some(proxy) => proxy.set(true).await,
                None => self.fixture.server.process(|vault| vault.unseal().unwrap()).unwrap(),
            }
        })
    }
}

/// A proxy that can be switched off.
struct SwitchedProxy {
    // In a lock only for `Sync`.
    toxiproxy: Mutex<Toxiproxy>,
    address: String,
}

impl SwitchedProxy {
    async fn start(address: &str) -> Self {
        let upstream = address
            .strip_prefix("http://")
            .expect("the server that the environment names must be plain http");
        let toxiproxy = Toxiproxy::start().unwrap_or_else(|error| panic!("{error}"));
        let listen = format!("127.0.0.1:{}", cofferdam_servers::free().unwrap());
        let proxy = Self { toxiproxy: Mutex::new(toxiproxy), address: format!("http://{listen}") };
        proxy
            .post("/proxies", json!({"name": "cut", "listen": listen, "upstream": upstream, "enabled": true}))
            .await;
        proxy
    }

    async fn set(&self, connected: bool) {
        self.post("/proxies/cut", json!({"enabled": connected})).await;
    }

    async fn post(&self, api_path: &str, body: Value) {
        let url = format!("{}{api_path}", self.toxiproxy.lock().unwrap().api());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

async fn keeps_the_contract(version: u8) {
    let fixture = Arc::new(Fixture::new(version).await);
    exercise(async || Folder { fixture: Arc::clone(&fixture), prefix: unique("case") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_of_the_engine_keeps_the_contract() {
    keeps_the_contract(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_of_the_engine_keeps_the_contract() {
    keeps_the_contract(1).await;
}
