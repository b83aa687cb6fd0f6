//! The demo's MCP client: the same protocol, over the same HTTP, as any MCP host speaks.

use std::net::SocketAddr;
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Value, json};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(10);

/// A connected client.
#[derive(Debug)]
pub(super) struct Client {
    client: RunningService<RoleClient, ()>,
}

/// What a call of a tool came to, as a model sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The whole answer as text, to look for what must not be in it.
    pub(super) raw: String,
    /// The error's code; absent where the call went well.
    pub(super) error: Option<String>,
}

impl Client {
    /// Connects to the server at `address`.
    ///
    /// # Errors
    ///
    /// A text that says what failed.
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(REQUEST)
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{address}/mcp"));
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        };
        let client = ().serve_with_lifecycle(transport, lifecycle).await;
        Ok(Self { client: client.map_err(|error| format!("the MCP client cannot connect: {error}"))? })
    }

    /// Calls the demo's one tool of `module` through `call_module_tool`.
    ///
    /// # Errors
    ///
    /// A text that says what failed below the tool: the connection, the protocol.
    pub(super) async fn list(&self, module: &str) -> Result<Seen, String> {
        let Value::Object(arguments) = json!({ "module": module, "tool": "list", "arguments": {} }) else {
            return Err("the arguments are an object".into());
        };
        let call = CallToolRequestParams::new("call_module_tool").with_arguments(arguments);
        let result = self.client.call_tool(call).await.map_err(|error| format!("the call broke: {error}"))?;
        let raw =
            serde_json::to_string(&result).map_err(|error| format!("the answer is no JSON: {error}"))?;
        let code = result.structured_content.as_ref().and_then(|s| s.pointer("/error/code")?.as_str());
        let error =
            (result.is_error == Some(true)).then(|| code.unwrap_or("error without a code").to_owned());
        Ok(Seen { raw, error })
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        // It is over either way.
        let _ = self.client.cancel().await;
    }
}
