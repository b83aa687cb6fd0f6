//! Identifies the caller of a request. The only place where an identity enters.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;

use crate::caller::Caller;

/// Adds the [`Caller`] to the extensions of the request, and removes its credential, so that no inner layer sees a token of a
/// client.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(Caller::local());
    next.run(request).await
}
