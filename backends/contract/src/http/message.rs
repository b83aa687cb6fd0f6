//! Requests and responses.
//!
//! Errors of `serde_json` are dropped here, because they quote the value that failed to parse.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use zeroize::Zeroizing;

/// Maximum size of a response unless the request says otherwise: far larger than a secret.
const MAX_RESPONSE_BYTES: usize = 2 * 1024 * 1024;

/// A request to the server of a vault. Its body, empty for most requests, is wiped on drop.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Below the address, without a slash at its start: `v1/vaults/team one`. Each segment is encoded for its place. A
    /// segment `.` or `..` is dropped.
    pub path: String,
    /// The query, encoded, without the question mark.
    pub query: Option<String>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
    /// The media type of the body. Absent: no header says it.
    pub content_type: Option<&'static str>,
    /// Maximum size of the response's body, in bytes. 2 MiB unless set.
    pub max_bytes: usize,
}

impl Request {
    /// A request without query and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (path, max_bytes) = (path.into(), MAX_RESPONSE_BYTES);
        Self { method, path, query: None, body: Zeroizing::default(), content_type: None, max_bytes }
    }

    /// A `GET` without query.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A `POST` of a form, as logins by OAuth take it.
    pub fn form(path: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        // An encoded byte takes at most three. A buffer that grows leaves a copy behind.
        let size = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(size));
        let body = Zeroizing::new(form.extend_pairs(fields).finish().into_bytes());
        let content_type = Some("application/x-www-form-urlencoded");
        Self { body, content_type, ..Self::new(Method::POST, path) }
    }

    /// The same request with a JSON document as its body.
    #[must_use]
    pub fn with_json(mut self, body: Zeroizing<Vec<u8>>) -> Self {
        self.body = body;
        self.content_type = Some("application/json");
        self
    }

    /// The same request with the parameter `name` in its query, encoded.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        let mut query = url::form_urlencoded::Serializer::new(self.query.take().unwrap_or_default());
        self.query = Some(query.append_pair(name, value).finish());
        self
    }

    /// The same request, for a response of at most `max_bytes`.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// A response of any status. Its body is wiped on drop.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The pause that the server asks for.
    pub retry_after: Option<Duration>,
    /// The whole body.
    pub body: Zeroizing<Vec<u8>>,
}

impl Response {
    /// The body as `T`, which may borrow from it.
    ///
    /// # Errors
    ///
    /// If it has another shape.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, InvalidBody> {
        parse(&self.body)
    }
}

/// The pause that the server asks for.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok().and_then(crate::retry_after)
}

/// A body does not have the expected shape. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body does not have the expected shape")]
pub struct InvalidBody;

/// Parses `T` from JSON.
///
/// # Errors
///
/// If it has another shape. The error does not quote it.
pub fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, InvalidBody> {
    serde_json::from_slice(json).map_err(|_| InvalidBody)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded() {
        let request = Request::get("v1/vaults").with_parameter("filter", "name eq \"a&b\"");
        assert_eq!(request.query.as_deref(), Some("filter=name+eq+%22a%26b%22"));
        let request = request.with_parameter("page", "1");
        assert_eq!(request.query.as_deref(), Some("filter=name+eq+%22a%26b%22&page=1"));
    }

    #[test]
    fn a_form_is_encoded_and_says_so() {
        let request = Request::form("token", &[("grant_type", "refresh_token"), ("secret", "a&b=ü ~")]);
        assert_eq!(*request.body, b"grant_type=refresh_token&secret=a%26b%3D%C3%BC+%7E");
        assert_eq!(request.content_type, Some("application/x-www-form-urlencoded"));
    }
}
