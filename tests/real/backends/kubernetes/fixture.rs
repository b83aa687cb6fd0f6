//! A namespace of its own with a login, and a proxy before the server that can be cut.

use std::sync::{Arc, Mutex};

use cofferdam_servers::{Toxiproxy, free};
use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_testing::vault_server::unique;
use cofferdam_vault::testkit::{self, field, path};
use cofferdam_vault::{Change, Secret, Stage, Vault, VaultError};
use cofferdam_vault_kubernetes::Config;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// What reading, writing, listing and watching take.
pub(super) const ALL: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

/// A namespace and a login for it.
pub(super) struct Namespace {
    pub(super) server: Arc<KubernetesServer>,
    pub(super) name: String,
    /// The service account of the login.
    pub(super) account: String,
    pub(super) token: String,
    pub(super) folder: tempfile::TempDir,
}

impl Namespace {
    /// A namespace whose login may use `verbs` on its Secrets, or on those of `names`.
    pub(super) async fn new(server: Arc<KubernetesServer>, verbs: &[&str], names: &[&str]) -> Self {
        let name = server.namespace().await;
        let (account, token) = server.login(&name, verbs, names).await;
        let folder = tempfile::tempdir().unwrap();
        Self { server, name, account, token, folder }
    }

    /// The namespace as a vault.
    pub(super) fn open(&self) -> Arc<dyn Vault> {
        self.open_through(&self.server.address)
    }

    /// The namespace as a vault, behind the proxy at `address`.
    pub(super) fn open_through(&self, address: &str) -> Arc<dyn Vault> {
        self.open_with(address, &format!("token: {}", self.token))
    }

    /// The namespace as a vault, with `user` as its login.
    pub(super) fn open_with(&self, address: &str, user: &str) -> Arc<dyn Vault> {
        // A file of its own: another vault may be reading that of an earlier call.
        let file = unique("config");
        self.server.write_kubeconfig(&self.folder.path().join(&file), address, user);
        let settings = format!("namespace = '{}'\nkubeconfig = '{file}'", self.name);
        testkit::open::<Config>(&settings, self.folder.path())
    }

    /// Writes the field `token` of the Secret `name`, as an operator would.
    pub(super) async fn put(&self, name: &str, token: &str) {
        self.server.put(&self.name, name, &[("token", token.as_bytes())], json!({})).await;
    }

    /// The Secret `name` as it is stored.
    pub(super) async fn stored(&self, name: &str) -> Value {
        let api_path = format!("api/v1/namespaces/{}/secrets/{name}", self.name);
        self.server.admin("GET", &api_path, Value::Null).await
    }
}

/// Reads the field `token`.
pub(super) async fn read(vault: &dyn Vault, at: &str) -> Result<Secret, VaultError> {
    vault.read(&path(at), &[field("token")], Stage::Current).await
}

/// Reads the field `token`, which must exist.
pub(super) async fn token_of(vault: &dyn Vault, at: &str) -> String {
    read(vault, at).await.unwrap().expose(&field("token")).unwrap().to_owned()
}

/// The next item of a watch, which must come soon.
pub(super) async fn next(
    watch: &mut cofferdam_vault::BoxStream<'_, Result<Change, VaultError>>,
) -> Result<Change, VaultError> {
    let item = tokio::time::timeout(std::time::Duration::from_secs(60), watch.next()).await;
    item.expect("a watch is heard").expect("it ends with an error")
}

/// The changes that a watch reports, without those that are none, until one of `path`.
pub(super) async fn until_changed(
    watch: &mut cofferdam_vault::BoxStream<'_, Result<Change, VaultError>>,
    at: &str,
) -> Vec<Change> {
    let mut changes = Vec::new();
    loop {
        let change = next(watch).await.unwrap();
        let found = change == Change::Secret(path(at));
        changes.extend((change != Change::None).then_some(change));
        if found {
            return changes;
        }
    }
}

/// A proxy before the API server that can be cut.
pub(super) struct Route {
    // In a lock only for `Sync`.
    toxiproxy: Mutex<Toxiproxy>,
    /// The address to use instead of the server's.
    pub(super) address: String,
}

impl Route {
    pub(super) async fn to(server: &KubernetesServer) -> Self {
        let toxiproxy = Toxiproxy::start().unwrap_or_else(|error| panic!("{error}"));
        let listen = format!("127.0.0.1:{}", free().unwrap());
        let upstream = server.address.trim_start_matches("https://");
        let route = Self { toxiproxy: Mutex::new(toxiproxy), address: format!("https://{listen}") };
        let proxy = json!({ "name": "api", "listen": listen, "upstream": upstream, "enabled": true });
        route.post("/proxies", proxy).await;
        route
    }

    /// Whether it accepts connections. If not, it closes those that are open.
    pub(super) async fn connect(&self, connected: bool) {
        self.post("/proxies/api", json!({ "enabled": connected })).await;
    }

    async fn post(&self, api_path: &str, body: Value) {
        let url = format!("{}{api_path}", self.toxiproxy.lock().unwrap().api());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}
