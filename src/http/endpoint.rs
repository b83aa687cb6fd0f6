//! `POST /mcp`: Streamable HTTP without sessions, so that any replica can handle any request.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use cofferdam_config::suggestions::bounded;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use rmcp::ServerHandler;
use rmcp::model::{ErrorCode, ErrorData, ProtocolVersion};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Serialize;

use super::accept;
use super::large_requests::{Admitted, LargeRequests, Refusal, RequestBody};
use crate::background;
use crate::caller::Caller;
use crate::mcp::malformed;
use crate::mcp::{Handler, MAX_REQUEST_BYTES, PlainCall, REVISIONS, is_stateless};
use crate::memory_budget::MemoryBudget;

/// The header with the protocol revision. Clients send it with every request but the first; old clients never do.
const PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// The endpoint of a handler.
pub(super) struct Endpoint<H> {
    service: StreamableHttpService<H, NeverSessionManager>,
    /// Answers plain calls in the place of `service`.
    calls: Option<Handler>,
    large_requests: LargeRequests,
}

impl<H: ServerHandler + Clone> Endpoint<H> {
    /// Creates an endpoint with one JSON response per request.
    pub(super) fn new(handler: H, memory: MemoryBudget) -> Self {
        // The guard has checked `Host` and `Origin`, by the same rules for every route.
        let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
        config.legacy_session_mode = false;
        config.json_response = true;
        config.max_request_body_bytes = MAX_REQUEST_BYTES;
        let sessions = Arc::new(NeverSessionManager::default());
        let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions, config);
        Self { service, calls: None, large_requests: LargeRequests::new(memory) }
    }

    /// The same endpoint with a faster way for plain calls, which `handler` answers as rmcp does.
    pub(super) fn with_calls(self, handler: Handler) -> Self {
        Self { calls: Some(handler), ..self }
    }
}

/// Handles one JSON-RPC message.
pub(super) async fn post<H: ServerHandler>(
    State(endpoint): State<Arc<Endpoint<H>>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    // The route has the middleware that identifies callers. There is no default caller.
    let Some(caller) = parts.extensions.get::<Caller>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = match endpoint.large_requests.read(&parts.headers, body, &caller).await {
        Ok(body) => body,
        Err(refusal) => return refusal.response(),
    };
    match endpoint.large_requests.admit(&body, &caller).await {
        Ok(None) => respond(&endpoint, caller, parts, body, None).await,
        Ok(admitted) => {
            let response = async move { respond(&endpoint, caller, parts, body, admitted).await };
            background::run(response).await
        }
        Err(Refusal::Busy) => Refusal::Busy.response(),
        Err(refusal) => {
            let error = ErrorData::invalid_request(refusal.to_string(), None);
            let response = async move { json(refusal.status(), &malformed::refusal(&body.bytes, error)) };
            background::run(response).await
        }
    }
}

/// Handles a message. A large one is `admitted`.
async fn respond<H: ServerHandler>(
    endpoint: &Endpoint<H>,
    caller: Caller,
    mut parts: Parts,
    body: RequestBody,
    admitted: Option<Admitted>,
) -> Response {
    let Endpoint { service, calls, .. } = endpoint;
    let revision = match revision(&parts.headers) {
        Ok(revision) => revision,
        Err(error) => return json(StatusCode::BAD_REQUEST, &malformed::refusal(&body.bytes, error)),
    };
    let declared_as_json = is_json(&parts.headers);
    let accepts_json = accept::normalize(&mut parts.headers);
    if let Some(handler) = calls
        && declared_as_json
        && accepts_json
        && admitted.is_none()
        && !is_stateless(revision)
        && let Some(call) = PlainCall::parse(&body.bytes)
    {
        drop(body);
        return json(StatusCode::OK, &handler.respond(caller, call).await);
    }
    if let Some(admitted) = &admitted {
        parts.extensions.insert(admitted.memory().clone());
    }
    let response = service.handle(Request::from_parts(parts, Body::from(body.bytes.clone())));
    let mut response = pin!(response);
    // The first poll parses the message, since all of it has arrived.
    let first = poll_fn(|context| Poll::Ready(response.as_mut().poll(context))).await;
    if let Some(admitted) = admitted {
        admitted.parsed();
    }
    let response = match first {
        Poll::Ready(response) => response,
        Poll::Pending => {
            // It is a message, so its text is not read again, and its call may take long.
            drop(body);
            return response.await.map(Body::new);
        }
    };
    // rmcp also returns 415 for a body that is not a message, and its text may quote the body.
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE && declared_as_json {
        return match malformed::error_response(&body.bytes) {
            // As rmcp responds to parameters that it refuses.
            Some(error) if error.is_about_params() => json(StatusCode::OK, &error),
            Some(error) => json(StatusCode::BAD_REQUEST, &error),
            None => StatusCode::ACCEPTED.into_response(),
        };
    }
    response.map(Body::new)
}

/// Whether the headers declare the body as JSON. If not, rmcp does not read it.
fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Returns the revision that the header names. rmcp does not check it if a request has no metadata.
///
/// # Errors
///
/// If this server does not support it.
fn revision(headers: &HeaderMap) -> Result<Option<&'static ProtocolVersion>, ErrorData> {
    let Some(requested) = headers.get(PROTOCOL_VERSION) else { return Ok(None) };
    let supported = REVISIONS.iter().find(|revision| requested.as_bytes() == revision.as_str().as_bytes());
    if supported.is_some() {
        return Ok(supported);
    }
    let requested = bounded(&String::from_utf8_lossy(requested.as_bytes()));
    Err(ErrorData::new(
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        "Unsupported protocol version",
        Some(serde_json::json!({ "requested": requested, "supported": REVISIONS })),
    ))
}

fn json(status: StatusCode, message: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(message) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
