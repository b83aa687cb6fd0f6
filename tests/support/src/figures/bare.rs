//! The bare server: the least code with rmcp that serves this one tool.
//!
//! The same transport and settings of rmcp, the same client and settings of reqwest, the same request, the response read as
//! JSON and passed on in both forms of a tool's result. Its credential is a constant. It has no modules, vaults, schemas,
//! scrubber or limits, and logs nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Failed;
use super::issue_service::TOKEN;

/// The name of its tool.
pub(super) const TOOL: &str = "get_issue";

#[derive(Clone)]
struct Bare {
    client: reqwest::Client,
    service: Arc<str>,
}

/// Serves on `listener` until the future is dropped; the tool calls `service`.
///
/// # Errors
///
/// If its HTTP client cannot be built, or the listener fails.
pub async fn serve(listener: TcpListener, service: &str) -> Result<(), Failed> {
    // As the connector makes its client.
    let client = reqwest::Client::builder()
        .user_agent("bare")
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .tcp_nodelay(true)
        .http1_only()
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(32)
        .build()?;
    let bare = Bare { client, service: service.into() };
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    config.json_response = true;
    let endpoint = StreamableHttpService::new(
        move || Ok(bare.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let listener = listener.tap_io(|stream| {
        // Without it, responses only leave later.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, Router::new().route_service("/mcp", endpoint)).await?)
}

fn tool() -> Tool {
    let schema = json!({
        "type": "object",
        "properties": { "number": { "type": "integer", "description": "The issue's number" } },
        "required": ["number"],
        "additionalProperties": false,
    });
    Tool::new(TOOL, "Read an issue", schema.as_object().cloned().unwrap_or_default())
}

impl Bare {
    async fn issue(&self, number: u64) -> Result<Value, reqwest::Error> {
        let request = self.client.get(format!("{}/issues/{number}", self.service)).bearer_auth(TOKEN);
        request.send().await?.error_for_status()?.json().await
    }
}

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == TOOL).then(tool)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![tool()]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let number = arguments.get("number").and_then(Value::as_u64);
        let number = number.ok_or_else(|| ErrorData::invalid_params("`number` is missing", None))?;
        let issue =
            self.issue(number).await.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(CallToolResult::structured(issue).into())
    }
}
