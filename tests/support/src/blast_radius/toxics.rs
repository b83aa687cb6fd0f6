//! The part of Toxiproxy's HTTP API that the faults need.

use std::net::SocketAddr;

use cofferdam_servers::Toxiproxy;
use serde_json::{Value, json};

use super::Failed;

/// A running toxiproxy.
#[derive(Debug)]
pub(crate) struct Toxics {
    api: String,
    client: reqwest::Client,
    _process: Toxiproxy,
}

/// A proxy of it.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    /// Its address, which stays the same.
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
    /// Adds a toxic to the server's responses.
    pub(crate) async fn toxic(&self, kind: &str, attributes: Value) -> Result<(), Failed> {
        self.toxic_on("downstream", kind, attributes).await
    }

    /// Lets no byte pass in either direction, and closes no connection. With one direction alone, a client would still notice
    /// that the server closes its connections.
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

    /// Sets whether it accepts connections. If not, it refuses new ones and closes the open ones.
    pub(crate) async fn enable(&self, enabled: bool) -> Result<(), Failed> {
        post(&self.client, &self.url, &json!({ "enabled": enabled })).await.map(drop)
    }

    /// Sets its upstream.
    pub(crate) async fn set_upstream(&self, upstream: SocketAddr) -> Result<(), Failed> {
        post(&self.client, &self.url, &json!({ "upstream": upstream })).await.map(drop)
    }
}

async fn post(client: &reqwest::Client, url: &str, body: &Value) -> Result<Value, Failed> {
    let answer = client.post(url).json(body).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        return Err(format!("toxiproxy returns {status} for {body}: {text}").into());
    }
    // The response to `reset` has no body.
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}
