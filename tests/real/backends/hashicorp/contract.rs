//! The suite that every backend passes, with the least policy that does: on a Vault of our own that is sealed and
//! unsealed, or on the server that the environment names, cut off and connected again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use std::sync::{Arc, Mutex};

use cofferdam_servers::Toxiproxy;
use cofferdam_vault::testkit::{Subject, exercise};
use cofferdam_vault::{BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Vault};
use serde_json::{Map, Value, json};
use support::{Server, open, unique};

/// One engine on a server, reached by one AppRole.
struct Site {
    server: Arc<Server>,
    /// Between us and a server that is not ours to seal.
    cut: Option<Cut>,
    mount: String,
    version: u8,
    folder: tempfile::TempDir,
    auth: String,
}

impl Site {
    async fn new(version: u8) -> Self {
        let server = Server::named_or_own();
        let cut = match server.process(|_| ()) {
            Some(()) => None,
            None => Some(Cut::before(&server.address).await),
        };
        let mount = server.mount_kv(version).await;
        let policy = server.policy(&mount, version).await;
        let (auth, role_id, secret_id) = server.approle(&policy, json!({})).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret-id"), secret_id).unwrap();
        let auth = format!(
            "{{ method = 'approle', mount = '{auth}', role_id = '{role_id}', secret_id_file = 'secret-id' }}"
        );
        Self { server, cut, mount, version, folder, auth }
    }
}

/// A folder of its own in that engine.
struct Folder {
    site: Arc<Site>,
    prefix: String,
}

impl Folder {
    fn place(&self, path: &SecretPath) -> String {
        let data = if self.site.version == 2 { "/data" } else { "" };
        format!("{}{data}/{}/{path}", self.site.mount, self.prefix)
    }
}

impl Subject for Folder {
    fn open(&self) -> Arc<dyn Vault> {
        let Site { server, cut, mount, version, folder, auth } = &*self.site;
        let address = cut.as_ref().map_or(&server.address, |cut| &cut.address);
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
            let body = if self.site.version == 2 { json!({ "data": fields }) } else { Value::Object(fields) };
            self.site.server.root("POST", &self.place(path), body).await;
        })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        Box::pin(async move { drop(self.site.server.root("DELETE", &self.place(path), Value::Null).await) })
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        Box::pin(async {
            match &self.site.cut {
                Some(cut) => cut.set(false).await,
                None => self.site.server.process(|vault| vault.seal().unwrap()).unwrap(),
            }
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            match &self.site.cut {
                Some(cut) => cut.set(true).await,
                None => self.site.server.process(|vault| vault.unseal().unwrap()).unwrap(),
            }
        })
    }
}

/// A connection that can be cut.
struct Cut {
    // In a lock for `Sync` alone.
    proxy: Mutex<Toxiproxy>,
    address: String,
}

impl Cut {
    async fn before(address: &str) -> Self {
        let upstream = address
            .strip_prefix("http://")
            .expect("the server that the environment names must be plain http");
        let proxy = Toxiproxy::start().unwrap_or_else(|error| panic!("{error}"));
        let listen = format!("127.0.0.1:{}", cofferdam_servers::free().unwrap());
        let cut = Self { proxy: Mutex::new(proxy), address: format!("http://{listen}") };
        cut.tell("/proxies", json!({"name": "cut", "listen": listen, "upstream": upstream, "enabled": true}))
            .await;
        cut
    }

    async fn set(&self, connected: bool) {
        self.tell("/proxies/cut", json!({"enabled": connected})).await;
    }

    async fn tell(&self, place: &str, body: Value) {
        let url = format!("{}{place}", self.proxy.lock().unwrap().api());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

async fn keeps_the_contract(version: u8) {
    let site = Arc::new(Site::new(version).await);
    exercise(async || Folder { site: Arc::clone(&site), prefix: unique("case") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_of_the_engine_keeps_the_contract() {
    keeps_the_contract(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_of_the_engine_keeps_the_contract() {
    keeps_the_contract(1).await;
}
