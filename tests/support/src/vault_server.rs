//! A real Vault and its operator, who works on it without the backend under test.
//!
//! With `COFFERDAM_TEST_VAULT_ADDR` and `COFFERDAM_TEST_VAULT_TOKEN` (one that may do everything) the tests run against
//! that server, HashiCorp Vault or OpenBao. Tests that seal or kill a server start one of their own.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use cofferdam_servers as servers;
use cofferdam_vault::testkit::{self, field, path};
use cofferdam_vault::{Secret, Stage, Vault, VaultError};
use cofferdam_vault_hashicorp::Config;
use serde_json::{Value, json};

/// A server and its root token.
#[derive(Debug)]
pub struct VaultServer {
    /// Its address.
    pub address: String,
    /// A token that may do everything.
    pub root: String,
    own: Option<Mutex<servers::Vault>>,
}

static SHARED: Mutex<Weak<VaultServer>> = Mutex::new(Weak::new());
static NAMES: AtomicU32 = AtomicU32::new(0);

/// A name that no other test of any run uses.
pub fn unique(what: &str) -> String {
    format!("{what}-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed))
}

impl VaultServer {
    /// The server that all tests of this process share; it ends with the last of them.
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap();
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Self::named_or_own();
        *shared = Arc::downgrade(&server);
        server
    }

    /// The server that the environment names, or else a new one.
    pub fn named_or_own() -> Arc<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (variable("COFFERDAM_TEST_VAULT_ADDR"), variable("COFFERDAM_TEST_VAULT_TOKEN")) {
            (Some(address), Some(root)) => Arc::new(Self { address, root, own: None }),
            _ => Arc::new(Self::own()),
        }
    }

    /// A server that the test may seal and kill.
    pub fn own() -> Self {
        let vault = servers::Vault::start().unwrap_or_else(|error| panic!("{error}"));
        Self { address: vault.address(), root: vault.root_token().to_owned(), own: Some(Mutex::new(vault)) }
    }

    /// Works on the server process; `None` if the environment named the server.
    pub fn process<T>(&self, work: impl FnOnce(&mut servers::Vault) -> T) -> Option<T> {
        self.own.as_ref().map(|vault| work(&mut vault.lock().unwrap()))
    }

    /// One request as root; returns the status and the body.
    pub async fn ask(&self, method: &str, api_path: &str, body: Value) -> (u16, Value) {
        ask(&self.address, &self.root, method, api_path, body).await
    }

    /// One request as root, which must succeed; returns the body.
    pub async fn root(&self, method: &str, api_path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, api_path, body).await;
        assert!((200..300).contains(&status), "{method} {api_path}: {status} {answer}");
        answer
    }

    /// Enables a new key-value engine; returns its mount.
    pub async fn mount_kv(&self, version: u8) -> String {
        let mount = unique("kv");
        self.root(
            "POST",
            &format!("sys/mounts/{mount}"),
            json!({"type": "kv", "options": {"version": version.to_string()}}),
        )
        .await;
        // Version 2 needs a moment to come up.
        for _ in 0..500 {
            let api_path = if version == 2 { format!("{mount}/metadata/x") } else { format!("{mount}/x") };
            if self.ask("GET", &api_path, Value::Null).await.0 == 404 {
                return mount;
            }
            tokio::task::yield_now().await;
        }
        panic!("{mount} does not come up");
    }

    /// Creates a policy for everything that the backend needs below `mount`; returns its name.
    pub async fn policy(&self, mount: &str, version: u8) -> String {
        let name = unique("policy");
        self.set_policy(&name, &full_policy(mount, version)).await;
        name
    }

    /// Writes the policy `name`.
    pub async fn set_policy(&self, name: &str, text: &str) {
        self.root("PUT", &format!("sys/policies/acl/{name}"), json!({"policy": text})).await;
    }

    /// Creates an AppRole role with `policy`; returns (auth mount, role id, secret id).
    pub async fn approle(&self, policy: &str, more: Value) -> (String, String, String) {
        let mount = self.auth("approle").await;
        let mut role = json!({"token_policies": [policy], "token_ttl": "1h"});
        role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.root("POST", &format!("auth/{mount}/role/r"), role).await;
        let id = self.root("GET", &format!("auth/{mount}/role/r/role-id"), Value::Null).await;
        let secret = self.root("POST", &format!("auth/{mount}/role/r/secret-id"), json!({})).await;
        (mount, text(&id, "/data/role_id"), text(&secret, "/data/secret_id"))
    }

    /// Enables a new login method; returns its mount.
    pub async fn auth(&self, method: &str) -> String {
        let mount = unique(method);
        self.root("POST", &format!("sys/auth/{mount}"), json!({"type": method})).await;
        mount
    }

    /// Creates a token.
    pub async fn token(&self, body: Value) -> String {
        text(&self.root("POST", "auth/token/create", body).await, "/auth/client_token")
    }

    /// Writes the field `token` at `path` of a version 2 mount.
    pub async fn put(&self, mount: &str, path: &str, value: &str) {
        self.root("POST", &format!("{mount}/data/{path}"), json!({"data": {"token": value}})).await;
    }
}

/// One request with `token`; returns the status and the body.
pub async fn ask(address: &str, token: &str, method: &str, api_path: &str, body: Value) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request =
        client.request(method, format!("{address}/v1/{api_path}")).header("x-vault-token", token);
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
}

/// The policy of the backend's documentation.
pub fn full_policy(mount: &str, version: u8) -> String {
    let crud = r#"capabilities = ["create", "read", "update", "delete", "list"]"#;
    match version {
        1 => format!("path \"{mount}/*\" {{ {crud} }}"),
        _ => format!(
            r#"path "{mount}/data/*" {{ capabilities = ["create", "read", "update", "delete"] }}
               path "{mount}/metadata/*" {{ capabilities = ["read", "list"] }}
               path "{mount}/delete/*" {{ capabilities = ["update"] }}
               path "{mount}/undelete/*" {{ capabilities = ["update"] }}"#
        ),
    }
}

/// The string at `pointer`.
pub fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

/// Opens a vault with the settings `text`; relative paths are in `folder`.
pub fn open(folder: &Path, text: &str) -> Arc<dyn Vault> {
    testkit::open::<Config>(text, folder)
}

/// Reads the field `token`.
///
/// # Errors
///
/// What the vault reports.
pub async fn read(vault: &dyn Vault, at: &str) -> Result<Secret, VaultError> {
    vault.read(&path(at), &[field("token")], Stage::Current).await
}

/// Reads the field `token`, which must exist.
pub async fn token_of(vault: &dyn Vault, at: &str) -> String {
    read(vault, at).await.unwrap().expose(&field("token")).unwrap().to_owned()
}

/// Asserts that the vault reported an error of this kind and scope.
#[track_caller]
pub fn expect_error<T: std::fmt::Debug>(
    answer: Result<T, VaultError>,
    kind: cofferdam_vault::ErrorKind,
    scope: cofferdam_vault::Scope,
) {
    let error = answer.expect_err("it must fail");
    assert_eq!((error.kind(), error.scope()), (kind, scope), "{error:?}");
}
