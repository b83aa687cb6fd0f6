//! Reads a response's body within bounds, and turns it into a value without credentials.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde_json::{Value, json};

use crate::connectors::scrub::Scrubber;

/// What the `Content-Type` says of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentKind {
    Json,
    Html,
    /// Anything else, or no `Content-Type`.
    Other,
}

impl ContentKind {
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let essence = essence(headers);
        if essence == "application/json" || essence.ends_with("+json") || essence == "text/json" {
            Self::Json
        } else if essence == "text/html" || essence == "application/xhtml+xml" {
            Self::Html
        } else {
            Self::Other
        }
    }
}

fn essence(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads and decompresses a body of up to `limit` bytes. Returns `None` if it is larger.
///
/// Nothing beyond the limit is decompressed or kept, so a small compressed body cannot fill the memory.
///
/// # Errors
///
/// If the connection breaks, or the body is not compressed as its headers say.
pub(super) async fn read(mut response: Response, limit: u64) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > limit.saturating_sub(body.len()) {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// A body as a value without credentials. They are removed from its bytes before these are parsed, and then from every
/// string, because JSON has several ways to write a character.
pub(super) fn value(status: StatusCode, headers: &HeaderMap, body: &[u8], scrubber: &Scrubber) -> Value {
    if body.is_empty() {
        return json!({ "status": status.as_u16() });
    }
    let clean = scrubber.bytes(body);
    let undeclared = !headers.contains_key(CONTENT_TYPE);
    let parsed = if ContentKind::from_headers(headers) == ContentKind::Json || undeclared {
        serde_json::from_slice(&clean).ok()
    } else {
        None
    };
    let mut value = match (parsed, std::str::from_utf8(&clean)) {
        (Some(parsed), _) => parsed,
        (None, Ok(text)) if !text.contains('\0') => Value::String(text.to_owned()),
        (None, _) if essence(headers).starts_with("text/") => {
            Value::String(String::from_utf8_lossy(&clean).into_owned())
        }
        (None, _) => json!({
            "note": "the answer is not text and is not shown",
            "content_type": essence(headers),
            "bytes": body.len(),
        }),
    };
    scrubber.value(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content_type: Option<&str>, body: &[u8]) -> Value {
        let mut headers = HeaderMap::new();
        if let Some(text) = content_type {
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
        }
        value(StatusCode::OK, &headers, body, &Scrubber::new(["hunter-22"]))
    }

    #[test]
    fn json_is_parsed_if_declared_or_if_nothing_is_declared() {
        assert_eq!(shown(Some("application/json; charset=utf-8"), b"{\"a\":1}"), json!({ "a": 1 }));
        assert_eq!(shown(Some("application/vnd.x+json"), b"[1]"), json!([1]));
        assert_eq!(shown(None, b"[1]"), json!([1]));
        assert_eq!(shown(Some("text/plain"), b"[1]"), json!("[1]"));
        assert_eq!(shown(Some("application/json"), b"{broken"), json!("{broken"));
    }

    #[test]
    fn an_empty_or_binary_body_becomes_a_note() {
        assert_eq!(shown(None, b""), json!({ "status": 200 }));
        assert_eq!(
            shown(Some("image/png"), b"\x89PNG\0"),
            json!({ "note": "the answer is not text and is not shown", "content_type": "image/png", "bytes": 5 })
        );
        assert_eq!(shown(Some("text/plain; charset=latin1"), b"caf\xe9"), json!("caf\u{fffd}"));
    }

    #[test]
    fn a_credential_that_is_json_itself_is_removed_whole() {
        let secret = r#"{"id":"sa","key":"k3y"}"#;
        let body = format!(r#"{{"seen":{secret}}}"#);
        let headers = HeaderMap::new();
        let shown = value(StatusCode::OK, &headers, body.as_bytes(), &Scrubber::new([secret]));
        assert_eq!(shown, json!(r#"{"seen":[credential removed]}"#));
    }

    #[test]
    fn a_credential_encoded_twice_and_then_escaped_is_removed() {
        let twice: String = "hunter-22".bytes().map(|byte| format!("%25{byte:02x}")).collect();
        let escaped: String = twice.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let shown = shown(Some("application/json"), format!(r#"["{escaped}"]"#).as_bytes());
        assert_eq!(shown, json!(["[credential removed]"]));
    }

    #[test]
    fn a_credential_written_in_json_escapes_is_removed() {
        let body = br#"{"a":"\u0068unter-2\u0032","hunter-22":"x hunter-22"}"#;
        let text = shown(Some("application/json"), body).to_string();
        assert!(!text.contains("hunter-22"), "{text}");
        assert_eq!(text.matches("[credential removed]").count(), 3);
    }
}
