//! `POST /mcp`: Streamable HTTP without sessions, so that any replica can handle any request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use cofferdam_config::suggestions::bounded;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::LengthLimitError;
use rmcp::ServerHandler;
use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;

use crate::mcp::{MAX_REQUEST_BYTES, REVISIONS, malformed};

/// The timeout for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The header with the protocol revision. Clients send it with every request but the first; old clients never do.
const PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// The service of rmcp in front of a handler.
pub(super) type Service<H> = StreamableHttpService<H, NeverSessionManager>;

/// Creates a service with one JSON response per request.
pub(super) fn service<H: ServerHandler + Clone>(handler: H) -> Service<H> {
    // The guard has checked `Host` and `Origin`, by the same rules for every route.
    let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
    config.legacy_session_mode = false;
    config.json_response = true;
    config.max_request_body_bytes = MAX_REQUEST_BYTES;
    StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config)
}

/// Handles one JSON-RPC message.
pub(super) async fn post<H: ServerHandler>(State(service): State<Service<H>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    if let Some(error) = unsupported_revision(&parts.headers, &body) {
        return json(StatusCode::BAD_REQUEST, &error);
    }
    let response = service.handle(Request::from_parts(parts, Body::from(body.clone()))).await;
    // rmcp also returns 415 for a body that is not a message, and its text may quote the body.
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE
        && serde_json::from_slice::<ClientJsonRpcMessage>(&body).is_err()
    {
        return match malformed::error_response(&body) {
            Some(error) => json(StatusCode::BAD_REQUEST, &error),
            None => StatusCode::ACCEPTED.into_response(),
        };
    }
    response.map(Body::new)
}

/// Reads the whole body. Returns an error response if it is too large or too slow.
async fn read(body: Body) -> Result<Bytes, Response> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_REQUEST_BYTES)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time").into_response()),
    }
}

fn unreadable(error: &axum::Error) -> Response {
    let too_large = std::error::Error::source(error).is_some_and(|source| source.is::<LengthLimitError>());
    if too_large {
        let message = format!("the body has more than {MAX_REQUEST_BYTES} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
    } else {
        (StatusCode::BAD_REQUEST, "the body is incomplete").into_response()
    }
}

/// Returns an error if the header names a revision that is not supported. rmcp does not check it if a request has no
/// metadata.
fn unsupported_revision(headers: &HeaderMap, body: &[u8]) -> Option<ServerJsonRpcMessage> {
    #[derive(Deserialize)]
    struct WithId {
        id: Option<RequestId>,
    }
    let requested = headers.get(PROTOCOL_VERSION)?;
    if REVISIONS.iter().any(|revision| requested.as_bytes() == revision.as_str().as_bytes()) {
        return None;
    }
    let requested = bounded(&String::from_utf8_lossy(requested.as_bytes()));
    let error = ErrorData::new(
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        "Unsupported protocol version",
        Some(serde_json::json!({ "requested": requested, "supported": REVISIONS })),
    );
    let id = serde_json::from_slice::<WithId>(body).ok().and_then(|message| message.id);
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
    async fn a_slow_body_is_rejected() {
        let start = Instant::now();
        let byte_a_second = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, Infallible>("x"), ()))
        });
        let response = read(Body::from_stream(byte_a_second.boxed())).await.unwrap_err();
        assert_eq!((response.status(), start.elapsed()), (StatusCode::REQUEST_TIMEOUT, BODY_TIMEOUT));
    }
}
