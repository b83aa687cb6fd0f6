//! The suite that every backend passes, on a real Vault that is sealed and unsealed, with the least policy that does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use std::sync::Arc;

use cofferdam_vault::testkit::{Subject, exercise};
use cofferdam_vault::{BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Vault};
use serde_json::{Map, Value, json};
use support::{Server, open, unique};

/// One engine on a server, reached by one AppRole.
struct Site {
    server: Arc<Server>,
    mount: String,
    version: u8,
    folder: tempfile::TempDir,
    auth: String,
}

impl Site {
    async fn new(server: Server, version: u8) -> Self {
        let server = Arc::new(server);
        let mount = server.mount_kv(version).await;
        let policy = server.policy(&mount, version).await;
        let (auth, role_id, secret_id) = server.approle(&policy, json!({})).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret-id"), secret_id).unwrap();
        let auth = format!(
            "{{ method = 'approle', mount = '{auth}', role_id = '{role_id}', secret_id_file = 'secret-id' }}"
        );
        Self { server, mount, version, folder, auth }
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
        let Site { server, mount, version, folder, auth } = &*self.site;
        let settings = format!(
            "address = '{}'\nmount = '{mount}'\nprefix = '{}'\nkv = {version}\nauth = {auth}",
            server.address, self.prefix
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
            self.site.server.process(|vault| vault.seal().unwrap());
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.site.server.process(|vault| vault.unseal().unwrap()).unwrap() })
    }
}

async fn keeps_the_contract(version: u8) {
    let site = Arc::new(Site::new(Server::own(), version).await);
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
