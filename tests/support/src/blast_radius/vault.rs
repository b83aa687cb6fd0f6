//! HashiCorp Vault and its operator, who seeds it, seals it, removes its policy and sets a quota.

use std::net::SocketAddr;

use cofferdam_servers::Vault;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::Failed;

/// The policy of Cofferdam's login: it may only read the secrets.
const POLICY: &str = r#"path "secret/data/*" { capabilities = ["read"] }"#;

/// A quota of one request per minute.
const QUOTA: &str = "sys/quotas/rate-limit/blast";

/// A running Vault with a key-value engine at `secret` and one AppRole.
#[derive(Debug)]
pub(crate) struct HashicorpVault {
    process: Vault,
    client: reqwest::Client,
    /// Of the AppRole.
    pub(crate) role_id: String,
    /// Of the AppRole.
    pub(crate) secret_id: String,
}

impl HashicorpVault {
    /// Starts it, empty except for the AppRole.
    pub(crate) async fn start(client: reqwest::Client) -> Result<Self, Failed> {
        let process = block_in_place(Vault::start)?;
        let mut vault = Self { process, client, role_id: String::new(), secret_id: String::new() };
        let kv = json!({ "type": "kv", "options": { "version": "2" } });
        vault.ask("POST", "sys/mounts/secret", kv).await?;
        vault.set_policy(true).await?;
        vault.ask("POST", "sys/auth/approle", json!({ "type": "approle" })).await?;
        let role = json!({ "token_policies": ["blast"], "token_ttl": "24h" });
        vault.ask("POST", "auth/approle/role/blast", role).await?;
        let id = vault.ask("GET", "auth/approle/role/blast/role-id", Value::Null).await?;
        let secret = vault.ask("POST", "auth/approle/role/blast/secret-id", json!({})).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        vault.role_id = text(&id["data"]["role_id"]);
        vault.secret_id = text(&secret["data"]["secret_id"]);
        Ok(vault)
    }

    /// Its address.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failed> {
        socket(&self.process.address())
    }

    /// Writes the field `token` of `{module}/default`. Tries for two seconds, because the engine needs a moment to come up.
    pub(crate) async fn put(&self, module: &str, token: &str) -> Result<(), Failed> {
        let (api_path, body) =
            (format!("secret/data/{module}/default"), json!({ "data": { "token": token } }));
        for _ in 0..100 {
            if self.ask("POST", &api_path, body.clone()).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        self.ask("POST", &api_path, body).await.map(drop)
    }

    pub(crate) fn kill(&mut self) {
        // It waits for the process to end; the load must continue.
        block_in_place(|| self.process.kill());
    }

    pub(crate) fn revive(&mut self) -> Result<(), Failed> {
        Ok(block_in_place(|| self.process.revive())?)
    }

    /// Through the API: starting the program `vault` would slow the other modules more than the fault does.
    pub(crate) async fn seal(&self) -> Result<(), Failed> {
        self.ask("PUT", "sys/seal", json!({})).await.map(drop)
    }

    pub(crate) fn unseal(&self) -> Result<(), Failed> {
        Ok(block_in_place(|| self.process.unseal())?)
    }

    /// Writes the policy of the login, or removes it.
    pub(crate) async fn set_policy(&self, there: bool) -> Result<(), Failed> {
        let api_path = "sys/policies/acl/blast";
        match there {
            true => self.ask("PUT", api_path, json!({ "policy": POLICY })).await.map(drop),
            false => self.ask("DELETE", api_path, Value::Null).await.map(drop),
        }
    }

    /// Limits reads of secrets, or removes the limit.
    pub(crate) async fn set_quota(&self, there: bool) -> Result<(), Failed> {
        match there {
            true => {
                let body = json!({ "path": "secret/", "rate": 1, "interval": "1m" });
                self.ask("POST", QUOTA, body).await.map(drop)
            }
            false => self.ask("DELETE", QUOTA, Value::Null).await.map(drop),
        }
    }

    /// One request as root.
    async fn ask(&self, method: &str, api_path: &str, body: Value) -> Result<Value, Failed> {
        let url = format!("{}/v1/{api_path}", self.process.address());
        let mut request = self.client.request(reqwest::Method::from_bytes(method.as_bytes())?, url);
        request = request.header("x-vault-token", self.process.root_token());
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(format!("Vault returns {status} for {method} {api_path}: {text}").into());
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// The socket address of an `http://` URL.
pub(crate) fn socket(address: &str) -> Result<SocketAddr, Failed> {
    let text = address.trim_start_matches("http://");
    text.parse().map_err(|_| format!("{address} is not an address with a port").into())
}
