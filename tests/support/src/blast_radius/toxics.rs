//! Toxiproxy's HTTP API, as far as the faults need it.

use std::net::SocketAddr;

use cofferdam_servers::Toxiproxy;
use serde_json::{Value, json};

use super::Failed;

/// A running toxiproxy.
pub(crate) struct Toxics {
    api: String,
    client: reqwest::Client,
    _process: Toxiproxy,
}

/// One proxy of it.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    /// Where it listens; the same as long as it exists.
    pub(crate) listen: SocketAddr,
    url: String,
    client: reqwest::Client,
}

impl Toxics {
    pub(crate) fn start(client: reqwest::Client) -> Result<Self, Failed> {
        let process = tokio::task::block_in_place(Toxiproxy::start)?;
        Ok(Self { api: process.api(), client, _process: process })
    }

    /// A proxy before `upstream`, on a free port.
    pub(crate) async fn proxy(&self, name: &str, upstream: SocketAddr) -> Result<Proxy, Failed> {
        let body = json!({ "name": name, "listen": "127.0.0.1:0", "upstream": upstream, "enabled": true });
        let made = post(&self.client, &format!("{}/proxies", self.api), &body).await?;
        let listen = made["listen"].as_str().unwrap_or_default();
        let listen = listen.parse().map_err(|_| format!("toxiproxy listens on {listen:?}"))?;
        Ok(Proxy { listen, url: format!("{}/proxies/{name}", self.api), client: self.client.clone() })
    }

    /// Removes every toxic, and enables every proxy.
    pub(crate) async fn heal(&self) -> Result<(), Failed> {
        post(&self.client, &format!("{}/reset", self.api), &json!({})).await.map(drop)
    }
}

impl Proxy {
    /// Adds a toxic to what the server answers.
    pub(crate) async fn toxic(&self, kind: &str, attributes: Value) -> Result<(), Failed> {
        self.toxic_on("downstream", kind, attributes).await
    }

    /// Lets no byte through in either direction, and ends no connection. With one direction alone, a server that ends its
    /// connections itself would still be heard doing so.
    pub(crate) async fn swallow(&self) -> Result<(), Failed> {
        for stream in ["upstream", "downstream"] {
            self.toxic_on(stream, "timeout", json!({ "timeout": 0 })).await?;
        }
        Ok(())
    }

    async fn toxic_on(&self, stream: &str, kind: &str, attributes: Value) -> Result<(), Failed> {
        let body = json!({ "type": kind, "stream": stream, "attributes": attributes });
        post(&self.client, &format!("{}/toxics", self.url), &body).await.map(drop)
    }

    /// Whether it takes connections; where not, they are refused and the open ones closed.
    pub(crate) async fn enable(&self, enabled: bool) -> Result<(), Failed> {
        post(&self.client, &self.url, &json!({ "enabled": enabled })).await.map(drop)
    }

    /// Where it leads from now on.
    pub(crate) async fn lead_to(&self, upstream: SocketAddr) -> Result<(), Failed> {
        post(&self.client, &self.url, &json!({ "upstream": upstream })).await.map(drop)
    }
}

async fn post(client: &reqwest::Client, url: &str, body: &Value) -> Result<Value, Failed> {
    let answer = client.post(url).json(body).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        return Err(format!("toxiproxy answers {status} to {body}: {text}").into());
    }
    // `reset` has no body.
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}
