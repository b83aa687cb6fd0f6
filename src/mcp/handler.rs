//! The MCP server: lists and runs the meta-tools.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::suggestions::bounded;
use cofferdam_vault::Refused;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, ServerResult, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::large::{
    MAX_REQUEST_NODES, RequestMemory, RequestReservation, are_large, no_memory, too_many_values,
};
use super::own_names::{self, Meaning};
use super::params::{self, TextCall};
use super::protocol::{REVISIONS, is_stateless};
use super::{arguments, results, schema, tools};
use crate::background;
use crate::caller::Caller;
use crate::calls::{CallAnswer, CallError, CallRequest, Calls, Outcome, parse_arguments};
use crate::json_meter::measure;
use crate::memory_budget::{MemoryBudget, Reservation};

/// The time for which a client may cache the list of tools, in milliseconds. Modules change only when the server starts.
const TOOLS_TTL_MS: u64 = 60_000;

/// The number of requests of a single client in addition to one per call: calls that wait, and requests that are not calls.
const SPARE_REQUESTS: usize = 1024;

/// The instructions for the model.
const INSTRUCTIONS: &str = "External services, one module each. Find a tool and its arguments with \
     get_module_schema, then run it with call_module_tool. The server handles credentials: never ask for one.";

/// The memory that the arguments of a call take, out of the share of its module.
type ModuleMemory = Reservation<Arc<str>>;

/// The handler of MCP requests.
#[derive(Debug, Clone)]
pub struct Handler {
    calls: Arc<Calls>,
    call_timeout: Duration,
    stop: CancellationToken,
    /// The caller of every request, if the transport does not identify callers.
    single_caller: Option<Caller>,
}

impl Handler {
    /// Creates a handler for HTTP, where each request has its [`Caller`] in its extensions.
    ///
    /// `call_timeout` limits each call. Cancelling `stop` cancels all calls.
    pub fn for_http(calls: Arc<Calls>, call_timeout: Duration, stop: CancellationToken) -> Self {
        Self { calls, call_timeout, stop, single_caller: None }
    }

    /// Creates a handler for a transport with a single caller. See [`Handler::for_http`] for the other parameters.
    pub fn for_caller(
        calls: Arc<Calls>,
        call_timeout: Duration,
        stop: CancellationToken,
        caller: Caller,
    ) -> Self {
        Self { calls, call_timeout, stop, single_caller: Some(caller) }
    }

    /// Returns the memory for requests and answers.
    pub(super) fn memory(&self) -> &MemoryBudget {
        self.calls.memory()
    }

    /// Returns the token that cancels all calls.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Returns how many requests of a single client may be pending: as many as an HTTP server has connections.
    pub(super) fn max_pending(&self) -> usize {
        self.calls.max_calls().saturating_add(SPARE_REQUESTS)
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let parts = context.extensions.get::<http::request::Parts>();
        parts
            .and_then(|parts| parts.extensions.get::<Caller>())
            .or(self.single_caller.as_ref())
            .cloned()
            // The route lacks the middleware. There is no default caller.
            .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))
    }

    /// Runs a meta-tool for `caller`. `reservation` is the memory of a large request. The call ends early once `cancelled`
    /// is.
    pub(super) async fn run_meta_tool(
        &self,
        caller: &Caller,
        request: CallToolRequestParams,
        reservation: Option<&RequestReservation>,
        cancelled: &CancellationToken,
    ) -> Result<CallToolResponse, ErrorData> {
        let request = match request.name.as_ref() {
            tools::CALL_MODULE_TOOL | tools::GET_MODULE_SCHEMA => request,
            other => {
                let unknown = ErrorData::invalid_params(format!("Unknown tool: {}", bounded(other)), None);
                match own_names::meaning(self.calls.registry(), caller, request) {
                    Meaning::Call(request) => request,
                    Meaning::Several(error) => return Ok(results::from_error(&error).into()),
                    Meaning::Nothing => return Err(unknown),
                }
            }
        };
        if request.name == tools::CALL_MODULE_TOOL {
            return Ok(self.call_module_tool(caller, request, reservation, cancelled).await.into());
        }
        let result = catch_panic(|| self.get_module_schema(caller, request));
        Ok(result.unwrap_or_else(|| results::from_error(&CallError::internal(Outcome::NotSent))).into())
    }

    async fn call_module_tool(
        &self,
        caller: &Caller,
        request: CallToolRequestParams,
        reservation: Option<&RequestReservation>,
        cancelled: &CancellationToken,
    ) -> CallToolResult {
        let deadline = Instant::now() + self.call_timeout;
        let arguments = request.arguments.unwrap_or_default();
        let (request, _memory) = match self.parse(caller, arguments, reservation).await {
            Ok(parsed) => parsed,
            Err(error) => return results::from_error(&error),
        };
        let result = if are_large(&request.arguments) {
            let (handler, caller, cancelled) = (self.clone(), caller.clone(), cancelled.clone());
            let call = async move { handler.call(&caller, request, deadline, &cancelled).await };
            background::run(call).await
        } else {
            pin!(self.call(caller, request, deadline, cancelled)).await
        };
        match result {
            Ok(answer) => results::from_answer(answer),
            Err(error) => results::from_error(&error),
        }
    }

    /// Runs a call until it ends, or it or all calls are cancelled.
    async fn call(
        &self,
        caller: &Caller,
        request: CallRequest,
        deadline: Instant,
        cancelled: &CancellationToken,
    ) -> Result<CallAnswer, CallError> {
        let stop = async {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = self.stop.cancelled() => {}
            }
        };
        self.calls.call(caller, request, deadline, stop).await
    }

    /// Parses the arguments of `call_module_tool`. Large ones take memory of their module, until what is returned is
    /// dropped, and no longer of their caller (`reservation`).
    async fn parse(
        &self,
        caller: &Caller,
        arguments: Map<String, Value>,
        reservation: Option<&RequestReservation>,
    ) -> Result<(CallRequest, Option<ModuleMemory>), CallError> {
        let size = arguments::encoded(&arguments).map(|text| (text.len(), measure(text.as_bytes())));
        if size.is_some_and(|(_, size)| size.nodes > MAX_REQUEST_NODES) {
            return Err(too_many_values());
        }
        // Arguments in a string exist twice: in the request, and once they are decoded.
        let in_string = size.and_then(|(length, size)| RequestMemory::of(length, size));
        let needed =
            reservation.map_or(0, RequestReservation::running) + in_string.map_or(0, |memory| memory.running);
        if needed == 0 {
            return Ok((arguments::call(self.calls.registry(), caller, arguments)?, None));
        }
        let module = self.owner(caller, &arguments);
        let memory = self.calls.memory().arguments().take(&module, needed);
        let memory = memory.map_err(|refused| no_memory(&module, refused))?;
        if let Some(reservation) = reservation {
            reservation.release();
        }
        let (handler, caller) = (self.clone(), caller.clone());
        let parse = async move { arguments::call(handler.calls.registry(), &caller, arguments) };
        Ok((background::run(parse).await?, Some(memory)))
    }

    /// Runs a meta-tool whose arguments are a string, and refuses any other request.
    async fn run_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let revision = context.protocol_version();
        let stateless = is_stateless(revision.as_ref());
        let call = params::text_call(request, revision.as_ref())?;
        let mut result = ServerResult::from(self.run_text_call(call, context).await?);
        if !stateless {
            // As rmcp does for the calls that it matches.
            result.strip_result_type_for_legacy_peer();
        }
        serde_json::to_value(result)
            .map(CustomResult::new)
            .map_err(|_| ErrorData::internal_error("cannot write the result", None))
    }

    /// Runs a meta-tool whose arguments are a string. Large ones take memory of their caller until their module is known, as a
    /// large message does, which is in memory no longer.
    async fn run_text_call(
        &self,
        TextCall { mut params, arguments }: TextCall,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let mut reserved = reservation(&context).cloned();
        let size = measure(arguments.as_bytes());
        if size.nodes > MAX_REQUEST_NODES {
            return Ok(results::from_error(&too_many_values()).into());
        }
        let large = RequestMemory::of(arguments.len(), size);
        if let Some(needed) = large {
            let held = match self.calls.memory().parsing().take(&caller, needed.running) {
                Ok(held) => held,
                Err(_) => return Ok(results::from_error(&no_memory("", Refused::Exhausted)).into()),
            };
            if let Some(message) = &reserved {
                message.release();
            }
            reserved = Some(RequestReservation::new(needed, held));
        }
        let parse = move || parse_arguments(&arguments);
        let parsed = if large.is_some() { background::run(async move { parse() }).await } else { parse() };
        let parsed = parsed.map_err(|invalid| {
            let message = format!("tools/call: `arguments` must be an object; it is {invalid}");
            ErrorData::invalid_params(message, None)
        })?;
        params.arguments = Some(parsed);
        self.run_meta_tool(&caller, params, reserved.as_ref(), &context.ct).await
    }

    /// The name of the module that a call is for, if `caller` may see it. All others are one owner: their calls end at once.
    fn owner(&self, caller: &Caller, arguments: &Map<String, Value>) -> Arc<str> {
        let name = arguments.get("module").and_then(Value::as_str).unwrap_or_default();
        let module = self.calls.registry().module(caller, name);
        module.map_or_else(Arc::default, |module| Arc::from(module.name.as_str()))
    }

    fn get_module_schema(&self, caller: &Caller, request: CallToolRequestParams) -> CallToolResult {
        let result = arguments::schema(request.arguments.unwrap_or_default())
            .and_then(|request| schema::respond(&self.calls, caller, &request));
        result.unwrap_or_else(|error| results::from_error(&error))
    }
}

/// The memory of a large request: over HTTP with the parts of the request, on stdio with the message.
fn reservation(context: &RequestContext<RoleServer>) -> Option<&RequestReservation> {
    let of_message = || context.extensions.get::<http::request::Parts>()?.extensions.get();
    context.extensions.get().or_else(of_message)
}

/// Runs `work`. Returns `None` if it panics: rmcp would never respond to the client.
fn catch_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    if result.is_none() {
        tracing::error!("a meta-tool panicked");
    }
    result
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

    /// Returns the tool against which rmcp checks a call. Its description omits the modules, which would have to be iterated
    /// for each call.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::definition(name)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller(&context)?;
        let tools = catch_panic(|| tools::list(self.calls.registry().modules(&caller)))
            .ok_or_else(|| ErrorData::internal_error("cannot list the tools", None))?;
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(TOOLS_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    /// The future is on the heap, because rmcp moves the one that contains it several times.
    fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send {
        Box::pin(async move {
            if reservation(&context).is_none() {
                let caller = self.caller(&context)?;
                return self.run_meta_tool(&caller, request, None, &context.ct).await;
            }
            let handler = self.clone();
            let call = async move {
                let caller = handler.caller(&context)?;
                handler.run_meta_tool(&caller, request, reservation(&context), &context.ct).await
            };
            background::run(call).await
        })
    }

    /// Handles a request that rmcp could not match: one with parameters that do not fit, or of an unknown method.
    fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CustomResult, ErrorData>> + Send {
        Box::pin(async move {
            if reservation(&context).is_none() {
                return self.run_custom_request(request, context).await;
            }
            let handler = self.clone();
            background::run(async move { handler.run_custom_request(request, context).await }).await
        })
    }

    // These features are not supported. The defaults of rmcp would return an empty success.

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
        assert_eq!(catch_panic(|| 7), Some(7));
        assert_eq!(catch_panic(|| -> i32 { panic!("scripted") }), None);
    }
}
