//! Asks clients to leave while the server drains.

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use tokio_util::sync::CancellationToken;

/// Middleware that adds `Connection: close` to each response while the server drains.
///
/// A client would otherwise send further requests on a kept connection until it is closed, and lose the last one.
pub(in crate::http) async fn close_while_draining(
    State(draining): State<CancellationToken>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if draining.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
