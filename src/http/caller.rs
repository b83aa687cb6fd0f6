//! Who calls over HTTP. The one place where an identity enters.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;

use crate::caller::Caller;

/// Puts the [`Caller`] next to the request, and takes what proves it away: nothing behind this sees a client's token.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(Caller::local());
    next.run(request).await
}
