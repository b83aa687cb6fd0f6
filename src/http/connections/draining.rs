//! Asks clients to leave while the server drains.

use axum::response::Response;
use http::HeaderValue;
use http::header::CONNECTION;
use tokio_util::sync::CancellationToken;

/// Adds `Connection: close` to a response while the server drains.
///
/// A client would otherwise send further requests on a kept connection until it is closed, and lose the last one.
pub(in crate::http) fn close_while_draining(
    mut response: Response,
    draining: &CancellationToken,
) -> Response {
    if draining.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
