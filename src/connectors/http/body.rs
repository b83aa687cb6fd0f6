//! Reads a response's body within bounds, and turns it into a value without credentials.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde_json::{Value, json};

use crate::connectors::scrub::{COPIES, Scrubber};
use crate::json_meter::{DecodedSize, JsonMeter, measure};
use crate::memory_budget::{Pool, Reservation};

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

/// The most values that an answer may have: more than 4 MiB of any known service's. It bounds the time that one answer
/// takes, whatever the memory.
pub(super) const MAX_NODES: u64 = 250_000;

/// The capacity of a body's buffer to begin with. It doubles from there.
const LEAST_CAPACITY: usize = 16 * 1024;

/// A body as it arrived, decompressed.
#[derive(Debug)]
pub(super) struct RawBody {
    pub(super) bytes: Vec<u8>,
    /// What it takes once decoded.
    pub(super) size: DecodedSize,
    /// The memory of `bytes`.
    pub(super) memory: Reservation<Arc<str>>,
}

impl RawBody {
    /// The memory that it takes to decode the body and to search it with `search_bytes`, without that of the body itself.
    ///
    /// Removing credentials from the body, and then from its strings, may need [`COPIES`] of each.
    pub(super) fn memory_to_decode(&self, search_bytes: u64) -> u64 {
        let decoded =
            self.size.bytes + self.size.buffer + search_bytes.max(COPIES * self.size.longest_string);
        decoded.max(COPIES * self.bytes.len() as u64)
    }
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The connection breaks, or the body is not compressed as its headers say.
    Transport(reqwest::Error),
    /// It has more bytes than the limit.
    TooLarge,
    /// It has more values than [`MAX_NODES`].
    TooManyValues,
    /// The memory for bodies is used up.
    NoMemory,
}

/// Reads and decompresses a body of up to `limit` bytes.
///
/// Nothing beyond a limit is decompressed or kept, so a small compressed body cannot fill the memory. The memory for what
/// has arrived is taken from the share of `module`.
///
/// # Errors
///
/// See [`ReadError`].
pub(super) async fn read(
    mut response: Response,
    limit: u64,
    pool: &Arc<Pool<Arc<str>>>,
    module: &Arc<str>,
) -> Result<RawBody, ReadError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let json = is_json(response.headers());
    let mut memory = pool.take(module, 0).map_err(|_| ReadError::NoMemory)?;
    let (mut bytes, mut meter) = (Vec::new(), JsonMeter::default());
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Transport)? {
        if chunk.len() > limit.saturating_sub(bytes.len()) {
            return Err(ReadError::TooLarge);
        }
        if json {
            meter.feed(&chunk);
            if meter.size().nodes > MAX_NODES {
                return Err(ReadError::TooManyValues);
            }
        }
        let needed = bytes.len() + chunk.len();
        if needed > bytes.capacity() {
            let capacity =
                needed.max(bytes.capacity().saturating_mul(2)).max(LEAST_CAPACITY).min(limit.max(needed));
            memory.grow((capacity - bytes.capacity()) as u64).map_err(|_| ReadError::NoMemory)?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&chunk);
    }
    // A text is one value. So is JSON that cannot be parsed.
    let size = if json { meter.size() } else { DecodedSize { nodes: 1, ..DecodedSize::default() } }
        .or_text(bytes.len());
    Ok(RawBody { bytes, size, memory })
}

/// Whether a body is parsed: it is declared as JSON, or not declared at all.
fn is_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(CONTENT_TYPE) || ContentKind::from_headers(headers) == ContentKind::Json
}

/// A body as a value without credentials. They are removed from its bytes before these are parsed, and then from every
/// string, because JSON has several ways to write a character.
///
/// Returns `None` if it takes more memory without its credentials than with them, and `allow` refuses so many bytes more.
pub(super) fn value(
    status: StatusCode,
    headers: &HeaderMap,
    body: RawBody,
    scrubber: &Scrubber,
    allow: impl FnOnce(u64) -> bool,
) -> Option<Value> {
    let RawBody { bytes, size, memory: _memory } = body;
    if bytes.is_empty() {
        return Some(json!({ "status": status.as_u16() }));
    }
    let length = bytes.len();
    let clean = match scrubber.bytes(&bytes) {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(clean) => {
            drop(bytes);
            let more = measure(&clean).bytes.max(clean.len() as u64).saturating_sub(size.bytes);
            if more > 0 && !allow(more) {
                return None;
            }
            clean
        }
    };
    let parsed = if is_json(headers) { serde_json::from_slice(&clean).ok() } else { None };
    let mut value = match parsed {
        Some(parsed) => parsed,
        None => match String::from_utf8(clean) {
            Ok(text) if !text.contains('\0') || essence(headers).starts_with("text/") => Value::String(text),
            Err(error) if essence(headers).starts_with("text/") => {
                Value::String(String::from_utf8_lossy(error.as_bytes()).into_owned())
            }
            _ => json!({
                "note": "the answer is not text and is not shown",
                "content_type": essence(headers),
                "bytes": length,
            }),
        },
    };
    scrubber.value(&mut value);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    fn shown(content_type: Option<&str>, body: &[u8]) -> Value {
        let mut headers = HeaderMap::new();
        if let Some(text) = content_type {
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
        }
        shown_without("hunter-22", &headers, body)
    }

    fn shown_without(secret: &str, headers: &HeaderMap, body: &[u8]) -> Value {
        let memory = MemoryBudget::default().bodies().take(&Arc::from("m"), 0).unwrap();
        let body = RawBody { bytes: body.to_vec(), size: measure(body), memory };
        value(StatusCode::OK, headers, body, &Scrubber::new([secret]), |_| true).unwrap()
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
        let shown = shown_without(secret, &headers, body.as_bytes());
        assert_eq!(shown, json!({ "seen": "[credential removed]" }));
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
