//! Reads what a service answered, within bounds, and turns it into something a model can read.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde_json::{Map, Value, json};

use crate::connectors::Scrubber;

/// What a service answered, scrubbed, before `select`.
#[derive(Debug)]
pub struct Answer {
    /// The body: JSON where it was JSON, a text where it was text. An empty answer is `{"status": 204}`, and one that
    /// is no text is a note of its type and size.
    pub body: Value,
    /// The arguments that fetch the next page, where there is one: those of this call, with what changes.
    pub next: Option<Map<String, Value>>,
    /// How large the body was: what is done with it is done [`Apart`](super::Apart) by that.
    pub bytes: usize,
}

/// What a body claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Html,
    /// Text, or nothing that says what it is.
    Other,
}

impl Kind {
    pub(super) fn of(headers: &HeaderMap) -> Self {
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

/// Reads a body, unpacked, up to `limit` bytes; `None` where it is larger.
///
/// What is beyond the limit is neither unpacked nor kept, so that a few bytes cannot become a full memory.
///
/// # Errors
///
/// Where the connection breaks, or the body is not packed as it says.
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

/// A body as a value, without credentials: removed from its bytes before they are parsed, and again from every
/// string, for JSON can write any character in several ways.
pub(super) fn value(status: StatusCode, headers: &HeaderMap, body: &[u8], scrubber: &Scrubber) -> Value {
    if body.is_empty() {
        return json!({ "status": status.as_u16() });
    }
    let clean = scrubber.bytes(body);
    let untold = !headers.contains_key(CONTENT_TYPE);
    let parsed =
        if Kind::of(headers) == Kind::Json || untold { serde_json::from_slice(&clean).ok() } else { None };
    let mut value = match (parsed, std::str::from_utf8(&clean)) {
        (Some(parsed), _) => parsed,
        (None, Ok(text)) if !text.contains('\0') => Value::String(text.to_owned()),
        (None, _) if essence(headers).starts_with("text/") => {
            Value::String(String::from_utf8_lossy(&clean).into_owned())
        }
        (None, _) => json!({
            "note": "the answer is no text and is not shown",
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
    fn json_is_parsed_where_it_says_so_or_nothing_says_otherwise() {
        assert_eq!(shown(Some("application/json; charset=utf-8"), b"{\"a\":1}"), json!({ "a": 1 }));
        assert_eq!(shown(Some("application/vnd.x+json"), b"[1]"), json!([1]));
        assert_eq!(shown(None, b"[1]"), json!([1]));
        assert_eq!(shown(Some("text/plain"), b"[1]"), json!("[1]"));
        assert_eq!(shown(Some("application/json"), b"{broken"), json!("{broken"));
    }

    #[test]
    fn what_is_empty_or_no_text_becomes_a_note() {
        assert_eq!(shown(None, b""), json!({ "status": 200 }));
        assert_eq!(
            shown(Some("image/png"), b"\x89PNG\0"),
            json!({ "note": "the answer is no text and is not shown", "content_type": "image/png", "bytes": 5 })
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
