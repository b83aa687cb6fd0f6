//! `POST /mcp`: Streamable HTTP without sessions, so that any replica can answer any request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::LengthLimitError;
use rmcp::ServerHandler;
use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;

use crate::mcp::{MAX_REQUEST_BYTES, REVISIONS, malformed};

/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Names the revision in each request but the first of a client; absent, the client is an old or a simple one.
const PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// rmcp's side of the endpoint, before what answers.
pub(super) type Service<H> = StreamableHttpService<H, NeverSessionManager>;

/// rmcp, set to one JSON answer per request.
pub(super) fn service<H: ServerHandler + Clone>(handler: H) -> Service<H> {
    // `Host` and `Origin` have been checked, by the same rules for every route.
    let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
    config.legacy_session_mode = false;
    config.json_response = true;
    config.max_request_body_bytes = MAX_REQUEST_BYTES;
    StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config)
}

/// Answers one JSON-RPC message.
pub(super) async fn post<H: ServerHandler>(State(service): State<Service<H>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let sent = match whole(body).await {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    if let Some(refusal) = unserved_revision(&parts.headers, &sent) {
        return json(StatusCode::BAD_REQUEST, &refusal);
    }
    let answer = service.handle(Request::from_parts(parts, Body::from(sent.clone()))).await;
    // rmcp says 415 also for a body that is no message, and repeats the reader's words.
    if answer.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE
        && serde_json::from_slice::<ClientJsonRpcMessage>(&sent).is_err()
    {
        return match malformed::refusal(&sent) {
            Some(refusal) => json(StatusCode::BAD_REQUEST, &refusal),
            None => StatusCode::ACCEPTED.into_response(),
        };
    }
    answer.map(Body::new)
}

/// The body, or the answer to a client whose body is too large or too slow.
async fn whole(body: Body) -> Result<Bytes, Response> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_REQUEST_BYTES)).await {
        Ok(Ok(sent)) => Ok(sent),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time").into_response()),
    }
}

fn unreadable(error: &axum::Error) -> Response {
    let too_large = std::error::Error::source(error).is_some_and(|source| source.is::<LengthLimitError>());
    if too_large {
        let why = format!("a request may have {MAX_REQUEST_BYTES} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, why).into_response()
    } else {
        (StatusCode::BAD_REQUEST, "the body broke off").into_response()
    }
}

/// The refusal of a revision that is not served, which rmcp lets through where a request carries no metadata.
fn unserved_revision(headers: &HeaderMap, sent: &[u8]) -> Option<ServerJsonRpcMessage> {
    #[derive(Deserialize)]
    struct WithId {
        id: Option<RequestId>,
    }
    let named = headers.get(PROTOCOL_VERSION)?;
    if REVISIONS.iter().any(|revision| named.as_bytes() == revision.as_str().as_bytes()) {
        return None;
    }
    let requested = crate::names::bounded(&String::from_utf8_lossy(named.as_bytes()));
    let error = ErrorData::new(
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        "Unsupported protocol version",
        Some(serde_json::json!({ "requested": requested, "supported": REVISIONS })),
    );
    let id = serde_json::from_slice::<WithId>(sent).ok().and_then(|sent| sent.id);
    Some(ServerJsonRpcMessage::error(error, id))
}

fn json(status: StatusCode, message: &ServerJsonRpcMessage) -> Response {
    let Ok(body) = serde_json::to_vec(message) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream::{self, StreamExt as _};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_dawdles_is_refused() {
        let start = Instant::now();
        let byte_a_second = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, Infallible>("x"), ()))
        });
        let refusal = whole(Body::from_stream(byte_a_second.boxed())).await.unwrap_err();
        assert_eq!((refusal.status(), start.elapsed()), (StatusCode::REQUEST_TIMEOUT, BODY_TIMEOUT));
    }
}
