//! Identifies the caller of a request. The only place where an identity enters.

use axum::extract::Request;
use http::header::AUTHORIZATION;

use crate::caller::Caller;

/// Adds the [`Caller`] to the extensions of the request, and removes its credential, so that no inner layer sees a token of a
/// client.
pub(super) fn identify(mut request: Request) -> Request {
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(Caller::local());
    request
}
