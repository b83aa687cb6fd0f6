//! A caller without good intentions, over `POST /mcp`.

use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::ongoing::Ongoing;
use super::{Failed, Pace};

/// Responses beyond this size are not looked into: that would cost the processors that the server needs.
const MAX_PARSED: usize = 64 * 1024;

/// After this time, an attacker gives a call up. Longer than the server lets any call run.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A caller.
#[derive(Debug, Clone)]
pub(crate) struct HostileClient {
    client: reqwest::Client,
    url: String,
}

/// The body of a request for a call.
pub(super) fn call(module: &str, tool: &str, arguments: &Value) -> Bytes {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "call_module_tool", "arguments": { "module": module, "tool": tool, "arguments": arguments },
    } });
    body.to_string().into()
}

/// The headers of every request, and their values.
pub(super) const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2025-11-25"),
];

impl HostileClient {
    /// A caller of the server whose `/mcp` is at `url`.
    pub(super) fn new(url: &str) -> Result<Self, Failed> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned() })
    }

    /// Adds `count` attackers that send `body` again and again. Each gives a call up after `patience`, if there is one.
    pub(super) fn send_repeatedly(
        &self,
        attack: &mut Ongoing,
        count: usize,
        body: &Bytes,
        patience: Option<Duration>,
        pace: Pace,
    ) -> Result<(), Failed> {
        for index in 0..count {
            let (client, body, progress, mut rhythm) =
                (self.clone(), body.clone(), attack.progress(), pace.rhythm(index));
            attack.add(async move {
                loop {
                    progress.begin();
                    let sent = client.send(body.clone());
                    let answer = match rhythm.cancellation().or(patience) {
                        // Dropping the future closes the connection, which cancels the call.
                        Some(end) => {
                            tokio::time::timeout(end, sent).await.unwrap_or_else(|_| "cancelled".into())
                        }
                        None => sent.await,
                    };
                    progress.end(answer);
                    rhythm.pause().await;
                }
            })?;
        }
        Ok(())
    }

    /// Sends a request; returns the code of its response, `ok`, or the HTTP status.
    async fn send(&self, body: Bytes) -> String {
        let mut request = self.client.post(&self.url).body(body);
        for (name, value) in HEADERS {
            request = request.header(name, value);
        }
        let Ok(response) = request.send().await else { return "no response".to_owned() };
        let status = response.status();
        match response.bytes().await {
            Err(_) => "no response".to_owned(),
            Ok(_) if !status.is_success() => format!("HTTP {}", status.as_u16()),
            Ok(body) if body.len() > MAX_PARSED => "ok".to_owned(),
            Ok(body) => code(&body),
        }
    }
}

/// The error code of a response of JSON-RPC, or `ok`.
fn code(body: &[u8]) -> String {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return "not JSON".to_owned() };
    if let Some(code) = answer["error"]["code"].as_i64() {
        return format!("JSON-RPC {code}");
    }
    answer["result"]["structuredContent"]["error"]["code"].as_str().unwrap_or("ok").to_owned()
}
