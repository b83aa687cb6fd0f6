//! A real Kubernetes API server and its operator, who works on it without the backend under test.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_servers::Kubernetes;
use serde_json::{Map, Value, json};

use crate::vault_server::unique;

/// A running API server.
#[derive(Debug)]
pub struct KubernetesServer {
    process: Mutex<Kubernetes>,
    client: reqwest::Client,
    /// Its address.
    pub address: String,
    /// Its CA certificates, in PEM.
    pub ca: String,
}

static SHARED: Mutex<Weak<KubernetesServer>> = Mutex::new(Weak::new());

impl KubernetesServer {
    /// The server that all tests of this process share; it ends with the last of them.
    pub async fn shared() -> Arc<Self> {
        let server = {
            let mut shared = SHARED.lock().unwrap();
            shared.upgrade().unwrap_or_else(|| {
                let server = Arc::new(Self::start());
                *shared = Arc::downgrade(&server);
                server
            })
        };
        server.wait_until_ready().await;
        server
    }

    /// A server that the test may kill.
    pub async fn own() -> Self {
        let server = Self::start();
        server.wait_until_ready().await;
        server
    }

    fn start() -> Self {
        let process = Kubernetes::start().unwrap_or_else(|error| panic!("{error}"));
        // Each test has a runtime of its own, with which its connections end, so none is kept for another test.
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_danger_accept_invalid_certs(true)
            .http1_only()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let ca = std::fs::read_to_string(process.certificate()).unwrap();
        Self { address: process.address(), ca, client, process: Mutex::new(process) }
    }

    /// Works on the server process.
    pub fn process<T>(&self, work: impl FnOnce(&mut Kubernetes) -> T) -> T {
        work(&mut self.process.lock().unwrap())
    }

    /// Waits until the server and its roles are ready.
    pub async fn wait_until_ready(&self) {
        let ready = async {
            while !self.is_ready().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ready).await.expect("the API server gets ready");
    }

    async fn is_ready(&self) -> bool {
        let request = self.client.get(format!("{}/readyz", self.address)).bearer_auth(Kubernetes::ADMIN);
        request.send().await.is_ok_and(|response| response.status().is_success())
    }

    /// One request as the administrator; returns the status and the body.
    pub async fn ask(&self, method: &str, api_path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}/{api_path}", self.address));
        request = request.bearer_auth(Kubernetes::ADMIN);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    /// One request as the administrator, which must succeed; returns the body.
    pub async fn admin(&self, method: &str, api_path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, api_path, body).await;
        assert!((200..300).contains(&status), "{method} {api_path}: {status} {answer}");
        answer
    }

    /// Creates a namespace, and returns its name.
    pub async fn namespace(&self) -> String {
        let name = unique("ns");
        let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.admin("POST", "api/v1/namespaces", body).await;
        name
    }

    /// Writes the Secret `name` with `fields`, and with `more` at its top, as `kubectl` would.
    pub async fn put(&self, namespace: &str, name: &str, fields: &[(&str, &[u8])], more: Value) {
        let data: Map<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), STANDARD.encode(value).into())).collect();
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": { "name": name }, "data": data,
        });
        secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let secrets = format!("api/v1/namespaces/{namespace}/secrets");
        if self.ask("POST", &secrets, secret.clone()).await.0 == 409 {
            self.admin("PUT", &format!("{secrets}/{name}"), secret).await;
        }
    }

    /// Deletes the Secret `name`.
    pub async fn remove(&self, namespace: &str, name: &str) {
        let api_path = format!("api/v1/namespaces/{namespace}/secrets/{name}");
        self.admin("DELETE", &api_path, Value::Null).await;
    }

    /// Creates a service account that may use `verbs` on the Secrets of the namespace, or on those of `names`. Returns its
    /// name and a token that lasts for an hour.
    pub async fn login(&self, namespace: &str, verbs: &[&str], names: &[&str]) -> (String, String) {
        let name = unique("login");
        let metadata = json!({ "name": name });
        let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata });
        let accounts = format!("api/v1/namespaces/{namespace}/serviceaccounts");
        self.admin("POST", &accounts, account).await;
        let roles = format!("apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
        let group = "rbac.authorization.k8s.io";
        let role = json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": verbs, "resourceNames": names }],
        });
        self.admin("POST", &format!("{roles}/roles"), role).await;
        let binding = json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": group, "kind": "Role", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }],
        });
        self.admin("POST", &format!("{roles}/rolebindings"), binding).await;
        let token = self.token(namespace, &name).await;
        (name, token)
    }

    /// A new token of the service account `name`, which lasts for an hour.
    pub async fn token(&self, namespace: &str, name: &str) -> String {
        let request = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let api_path = format!("api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let answer = self.admin("POST", &api_path, request).await;
        answer["status"]["token"].as_str().unwrap().to_owned()
    }

    /// Writes a kubeconfig to `path`, for the server at `address` (itself or a proxy before it) with `user`, the YAML of its
    /// login.
    pub fn write_kubeconfig(&self, path: &Path, address: &str, user: &str) {
        let mut text = String::from("apiVersion: v1\nkind: Config\ncurrent-context: main\n");
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "contexts:\n- name: main\n  context: {{ cluster: main, user: main }}\n\
             clusters:\n- name: main\n  cluster:\n    server: {address}\n    certificate-authority-data: {}\n\
             users:\n- name: main\n  user:\n    {user}\n",
            STANDARD.encode(&self.ca)
        );
        crate::write_private(path, &text);
    }
}
