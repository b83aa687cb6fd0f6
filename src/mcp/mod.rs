//! The two meta-tools over rmcp: what the model sees, whatever the number of modules.
//!
//! One [`Handler`] serves both transports. Where a request comes over HTTP, the middleware has put a [`Caller`] next
//! to it; on stdio there is one caller for the whole process. Nothing here asks how a caller was found.
//!
//! A client ends a call over stdio with `notifications/cancelled`, and over HTTP by closing the request: without
//! sessions a notification of its own cannot say whose request it means, for two clients may use one id.
//!
//! A tool's failure is a tool result with `isError`, which the model reads, and never a protocol error, which hosts
//! hide from it; a protocol error says only that a request is none.

mod arguments;
pub(crate) mod malformed;
mod results;
mod schema;
mod stdio;
mod tools;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, Implementation, ListPromptsRequestMethod, ListPromptsResult,
    ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use stdio::{serve_lines, serve_stdio};

use crate::caller::Caller;
use crate::calls::{CallError, Calls, Outcome};
use crate::names;

/// The protocol revisions that are served, oldest first.
pub const REVISIONS: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// The largest request, in bytes: room for a file's content among a tool's arguments, and no more.
pub(crate) const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// How long a client may keep the list of tools, in milliseconds: modules change only when the server starts.
const TOOLS_TTL_MS: u64 = 60_000;

/// What a host may show, or tell its model, about this server.
const INSTRUCTIONS: &str = "External services, one module each. Find a tool and its input schema with \
     get_module_schema, then run it with call_module_tool. Credentials are handled by the server: never ask for one.";

/// Serves MCP: lists and runs the meta-tools.
#[derive(Debug, Clone)]
pub struct Handler {
    calls: Arc<Calls>,
    call_timeout: Duration,
    stop: CancellationToken,
    /// Who calls where the transport knows no requests with a caller of their own.
    only_caller: Option<Caller>,
}

impl Handler {
    /// A handler for HTTP, where each request brings its [`Caller`] in its extensions.
    ///
    /// A call takes no longer than `call_timeout`, and is answered `cancelled` when `stop` is.
    pub fn for_http(calls: Arc<Calls>, call_timeout: Duration, stop: CancellationToken) -> Self {
        Self { calls, call_timeout, stop, only_caller: None }
    }

    /// A handler for a transport that has one caller only; the rest as in [`Handler::for_http`].
    pub fn for_caller(
        calls: Arc<Calls>,
        call_timeout: Duration,
        stop: CancellationToken,
        caller: Caller,
    ) -> Self {
        Self { calls, call_timeout, stop, only_caller: Some(caller) }
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let parts = context.extensions.get::<http::request::Parts>();
        parts
            .and_then(|parts| parts.extensions.get::<Caller>())
            .or(self.only_caller.as_ref())
            .cloned()
            // A route without the middleware; nobody is let in by default.
            .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))
    }

    async fn call_module_tool(
        &self,
        caller: &Caller,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResult {
        let deadline = Instant::now() + self.call_timeout;
        let request = match arguments::call(request.arguments.unwrap_or_default()) {
            Ok(request) => request,
            Err(error) => return results::failed(&error),
        };
        let stop = async {
            tokio::select! {
                () = context.ct.cancelled() => {}
                () = self.stop.cancelled() => {}
            }
        };
        match self.calls.call(caller, request, deadline, stop).await {
            Ok(answer) => results::answered(answer),
            Err(error) => results::failed(&error),
        }
    }

    fn get_module_schema(&self, caller: &Caller, request: CallToolRequestParams) -> CallToolResult {
        let answer = arguments::schema(request.arguments.unwrap_or_default())
            .and_then(|request| schema::answer(&self.calls, caller, &request));
        answer.unwrap_or_else(|error| results::failed(&error))
    }
}

/// Runs what has no await point; a panic in it must be answered, for rmcp would leave the client waiting.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    if done.is_none() {
        tracing::error!("a meta-tool panicked");
    }
    done
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
            .with_server_info(
                Implementation::new("cofferdam", env!("CARGO_PKG_VERSION")).with_title("Cofferdam"),
            )
            .with_instructions(INSTRUCTIONS)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        const { Cow::Borrowed(&REVISIONS) }
    }

    /// What a call is checked against before it is dispatched: the schema alone, since the description costs a walk
    /// over the caller's modules.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::bare(name)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller(&context)?;
        let tools = guarded(|| tools::described(self.calls.registry().modules(&caller)))
            .ok_or_else(|| ErrorData::internal_error("the tools could not be listed", None))?;
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(TOOLS_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let result = match request.name.as_ref() {
            tools::CALL_MODULE_TOOL => self.call_module_tool(&caller, request, &context).await,
            tools::GET_MODULE_SCHEMA => guarded(|| self.get_module_schema(&caller, request))
                .unwrap_or_else(|| results::failed(&CallError::internal(Outcome::NotSent))),
            other => {
                let message = format!("Unknown tool: {}", names::bounded(other));
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        Ok(result.into())
    }

    // What is not offered is not there: rmcp would answer an empty success.

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_meta_tool_is_caught() {
        assert_eq!(guarded(|| 7), Some(7));
        assert_eq!(guarded(|| -> i32 { panic!("a fault") }), None);
    }
}
