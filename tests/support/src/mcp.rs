//! One call over MCP, as a host makes it.

use serde_json::{Value, json};

/// The body of the response of `/mcp` at `url` to a `call_module_tool` with these arguments.
pub async fn call_tool(url: &str, arguments: Value) -> String {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "call_module_tool", "arguments": arguments },
    });
    let request = reqwest::Client::new()
        .post(url)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body);
    request.send().await.unwrap().text().await.unwrap()
}
