//! The MCP client of the demo. It speaks MCP over HTTP, as any MCP host does.

use std::net::SocketAddr;
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Value, json};

/// The timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A connected client.
#[derive(Debug)]
pub(super) struct Client {
    client: RunningService<RoleClient, ()>,
}

/// The result of a tool call, as a model sees it.
#[derive(Debug, Clone)]
pub(super) struct CallResult {
    /// The whole result as text, to search it for tokens.
    pub(super) raw: String,
    /// The code of the error, or `None` if the call succeeded.
    pub(super) error: Option<String>,
}

impl Client {
    /// Connects to the server at `address`.
    ///
    /// # Errors
    ///
    /// Returns a message that says what failed.
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| format!("cannot create an HTTP client: {error}"))?;
        let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{address}/mcp"));
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        };
        let client = ().serve_with_lifecycle(transport, lifecycle).await;
        Ok(Self { client: client.map_err(|error| format!("the MCP client cannot connect: {error}"))? })
    }

    /// Calls the tool `list` of `module` through `call_module_tool`.
    ///
    /// # Errors
    ///
    /// Returns a message if the connection or the protocol failed. An error of the tool is in the [`CallResult`].
    pub(super) async fn list(&self, module: &str) -> Result<CallResult, String> {
        let Value::Object(arguments) = json!({ "module": module, "tool": "list", "arguments": {} }) else {
            return Err("the arguments must be an object".into());
        };
        let call = CallToolRequestParams::new("call_module_tool").with_arguments(arguments);
        let result =
            self.client.call_tool(call).await.map_err(|error| format!("the call failed: {error}"))?;
        let raw = serde_json::to_string(&result)
            .map_err(|error| format!("the result cannot be serialized as JSON: {error}"))?;
        let code = result.structured_content.as_ref().and_then(|s| s.pointer("/error/code")?.as_str());
        let error =
            (result.is_error == Some(true)).then(|| code.unwrap_or("error without a code").to_owned());
        Ok(CallResult { raw, error })
    }

    /// Closes the connection.
    pub(super) async fn close(self) {
        // The demo is over, so an error changes nothing.
        let _ = self.client.cancel().await;
    }
}
