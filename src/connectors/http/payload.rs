//! A body becomes a value without credentials.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_config::json::repair;
use cofferdam_vault::files::BYTE_ORDER_MARK;
use encoding_rs::UTF_8;
use http::StatusCode;
use serde_json::{Value, json};

use super::body::RawBody;
use super::content_type::{ContentKind, ContentType};
use super::service::AnswerFormat;
use crate::connectors::answer::Content;
use crate::connectors::scrub::Scrubber;
use crate::json_meter::measure;

/// How a page starts, in any case, whatever it is declared as.
const PAGE_STARTS: [&[u8]; 2] = [b"<!doctype html", b"<html"];

/// Why a body that has arrived is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It takes more memory without its credentials than with them, and there is none.
    NoMemory,
    /// It is a page for a browser, such as a login page.
    Page,
    /// It is JSON that ends early.
    Incomplete,
}

/// A body as a value without credentials. They are removed from its bytes before these are parsed, and then from every
/// string, because JSON has several ways to write a character.
///
/// `allow` is asked for memory that the body does not have already.
///
/// # Errors
///
/// See [`Unusable`].
pub(super) fn payload(
    status: StatusCode,
    format: AnswerFormat,
    body: RawBody,
    scrubber: &Scrubber,
    mut allow: impl FnMut(u64) -> bool,
) -> Result<(Value, Content), Unusable> {
    let RawBody { content_type, bytes, damaged, size, memory: _memory } = body;
    let length = bytes.len();
    let (clean, scrubbed) = match scrubber.bytes(&bytes) {
        Cow::Borrowed(_) => (bytes, false),
        Cow::Owned(clean) => {
            drop(bytes);
            let more = measure(&clean).bytes.max(clean.len() as u64).saturating_sub(size.bytes);
            if more > 0 && !allow(more) {
                return Err(Unusable::NoMemory);
            }
            (clean, true)
        }
    };
    if format == AnswerFormat::Opaque {
        // Three bytes of UTF-8 for one of another charset, and four of Base64 for three.
        if (content_type.charset().is_some() || std::str::from_utf8(&clean).is_err())
            && !allow(2 * clean.len() as u64)
        {
            return Err(Unusable::NoMemory);
        }
        let (mut value, content) = opaque(&content_type, clean);
        scrubber.value(&mut value);
        return Ok((value, content));
    }
    if clean.iter().all(u8::is_ascii_whitespace) {
        return Ok((json!({ "status": status.as_u16() }), Content::Empty));
    }
    let mut body = Clean { content_type, bytes: clean, length, damaged, scrubbed };
    let (mut value, content) = body.read(format)?;
    let is_clean = content == Content::Json && !scrubbed && scrubber.finds_nothing_in_json(&body.bytes);
    if !is_clean {
        scrubber.value(&mut value);
    }
    Ok((value, content))
}

/// The user's content: its text, or its bytes in Base64 if it is not text in its declared charset.
fn opaque(content_type: &ContentType, bytes: Vec<u8>) -> (Value, Content) {
    let charset = content_type.charset().unwrap_or(UTF_8);
    match charset.decode_without_bom_handling_and_without_replacement(&bytes) {
        Some(text) => (Value::String(text.into_owned()), Content::Text),
        None => {
            let value = json!({
                "media_type": content_type.essence(),
                "bytes": bytes.len(),
                "base64": STANDARD.encode(&bytes),
            });
            (value, Content::Binary)
        }
    }
}

/// A body without credentials.
struct Clean {
    content_type: ContentType,
    bytes: Vec<u8>,
    /// How many bytes arrived.
    length: usize,
    damaged: bool,
    /// Whether a credential was removed, so that what was JSON may be none.
    scrubbed: bool,
}

impl Clean {
    /// Takes the bytes if they become a text, and leaves them if they are JSON.
    fn read(&mut self, format: AnswerFormat) -> Result<(Value, Content), Unusable> {
        if self.bytes.starts_with(BYTE_ORDER_MARK.as_bytes()) {
            self.bytes.drain(..BYTE_ORDER_MARK.len());
        }
        let kind = self.content_type.kind();
        let declared = kind == ContentKind::Json;
        let start = self.bytes.trim_ascii_start();
        // A service may declare JSON as something else. A tool that selects from it expects JSON. Some frameworks declare
        // everything as a page.
        let expected = (format == AnswerFormat::Json || kind == ContentKind::Html)
            && matches!(start.first(), Some(b'{' | b'['));
        if declared || expected || kind == ContentKind::Undeclared {
            match serde_json::from_slice(&self.bytes) {
                Ok(value) => return Ok((value, Content::Json)),
                Err(error) if declared && error.is_eof() && !self.scrubbed => {
                    return Err(Unusable::Incomplete);
                }
                Err(_) => {}
            }
            // One string that no parser reads would make the whole answer a text.
            if let Cow::Owned(repaired) = repair(&self.bytes)
                && let Ok(value) = serde_json::from_slice(&repaired)
            {
                return Ok((value, Content::RepairedJson));
            }
        }
        let is_page = |prefix: &&[u8]| {
            start.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if kind == ContentKind::Html && start.starts_with(b"<") || PAGE_STARTS.iter().any(is_page) {
            return Err(Unusable::Page);
        }
        Ok(self.text())
    }

    /// Takes the body as text, or a note of its type and size if it is not text.
    fn text(&mut self) -> (Value, Content) {
        let kind = self.content_type.kind();
        let content = match self.damaged {
            _ if kind == ContentKind::Json => Content::InvalidJson,
            true => Content::DamagedText,
            false => Content::Text,
        };
        let is_text = matches!(kind, ContentKind::Json | ContentKind::Html | ContentKind::Text);
        match String::from_utf8(std::mem::take(&mut self.bytes)) {
            Ok(text) if is_text || !text.contains('\0') => (Value::String(text), content),
            Err(error) if is_text => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                (Value::String(text), Content::DamagedText)
            }
            _ => {
                let value = json!({
                    "note": "the answer is not text and is not shown",
                    "content_type": self.content_type.essence(),
                    "bytes": self.length,
                });
                (value, Content::Binary)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::CONTENT_TYPE;

    use super::*;
    use crate::memory_budget::MemoryBudget;

    type Read = Result<(Value, Content), Unusable>;

    fn read(content_type: Option<&str>, format: AnswerFormat, body: &[u8]) -> Read {
        read_without("hunter-22", content_type, format, body)
    }

    fn read_without(secret: &str, content_type: Option<&str>, format: AnswerFormat, body: &[u8]) -> Read {
        let mut headers = HeaderMap::new();
        if let Some(text) = content_type {
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
        }
        let body = RawBody {
            content_type: ContentType::from_headers(&headers),
            bytes: body.to_vec(),
            damaged: false,
            size: measure(body),
            memory: MemoryBudget::default().bodies().take(&"m".into(), 0).unwrap(),
        };
        payload(StatusCode::OK, format, body, &Scrubber::new([secret]), |_| true)
    }

    fn shown(content_type: Option<&str>, body: &[u8]) -> Value {
        read(content_type, AnswerFormat::Declared, body).unwrap().0
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
    fn of_two_members_with_one_name_the_last_counts() {
        assert_eq!(shown(Some("application/json"), br#"{"a":1,"b":2,"a":[3]}"#), json!({ "a": [3], "b": 2 }));
    }

    #[test]
    fn a_string_that_cannot_be_read_leaves_the_others_as_they_are() {
        for (body, expected) in [
            (&br#"{"a": "x\ud83d", "b": 1}"#[..], json!({ "a": "x\u{fffd}", "b": 1 })),
            (b"{\"a\": \"x\xff\", \"b\": 1}", json!({ "a": "x\u{fffd}", "b": 1 })),
            (b"{\"a\": \"x\ny\", \"b\": 1}", json!({ "a": "x\ny", "b": 1 })),
        ] {
            assert_eq!(
                read(Some("application/json"), AnswerFormat::Json, body),
                Ok((expected, Content::RepairedJson))
            );
        }
    }

    #[test]
    fn json_that_is_expected_is_read_whatever_it_is_declared_as() {
        for (content_type, body) in [
            (Some("text/plain"), &b" [1]"[..]),
            (Some("text/html"), b"[1]"),
            (Some("application/octet-stream"), b"[1]"),
            (Some("application/json"), b"\xef\xbb\xbf[1]"),
            (None, b"\xef\xbb\xbf [1]"),
        ] {
            let read = read(content_type, AnswerFormat::Json, body);
            assert_eq!(read, Ok((json!([1]), Content::Json)), "{content_type:?}");
        }
        assert_eq!(read(Some("text/plain"), AnswerFormat::Json, b"done"), Ok((json!("done"), Content::Text)));
        assert_eq!(
            read(Some("application/json"), AnswerFormat::Json, b"{a: 1}"),
            Ok((json!("{a: 1}"), Content::InvalidJson))
        );
    }

    #[test]
    fn a_page_is_no_answer() {
        for format in [AnswerFormat::Json, AnswerFormat::Declared] {
            for (content_type, body) in [
                (Some("text/html; charset=utf-8"), "<!DOCTYPE html><title>Sign in</title>"),
                (Some("text/html"), "\n<p>words</p>"),
                (Some("application/json"), "\u{feff}\n <!doctype HTML>"),
                (Some("text/plain"), "<HTML lang=en>"),
                (None, "<html>"),
            ] {
                let read = read(content_type, format, body.as_bytes());
                assert_eq!(read, Err(Unusable::Page), "{content_type:?} {body}");
            }
            // Some services and frameworks declare everything as a page.
            assert_eq!(read(Some("text/html"), format, b"ok"), Ok((json!("ok"), Content::Text)));
            assert_eq!(read(Some("text/html"), format, b"[1]"), Ok((json!([1]), Content::Json)));
        }
    }

    #[test]
    fn json_that_ends_early_is_no_answer() {
        for body in ["{\"a\":", "[1, 2", "{\"a\": \"b"] {
            assert_eq!(
                read(Some("application/json"), AnswerFormat::Declared, body.as_bytes()),
                Err(Unusable::Incomplete),
                "{body}"
            );
        }
    }

    #[test]
    fn an_empty_or_binary_body_becomes_a_note() {
        for body in [&b""[..], b" \r\n"] {
            let read = read(Some("application/json"), AnswerFormat::Json, body);
            assert_eq!(read, Ok((json!({ "status": 200 }), Content::Empty)));
        }
        assert_eq!(
            shown(Some("image/png"), b"\x89PNG\0"),
            json!({ "note": "the answer is not text and is not shown", "content_type": "image/png", "bytes": 5 })
        );
        let damaged = read(Some("text/plain"), AnswerFormat::Declared, b"caf\xe9");
        assert_eq!(damaged, Ok((json!("caf\u{fffd}"), Content::DamagedText)));
    }

    #[test]
    fn the_users_content_is_never_parsed() {
        let read = |content_type, body| read(Some(content_type), AnswerFormat::Opaque, body).unwrap();
        for text in
            ["{\n  \"price\": 1.10,\n  \"dup\": 1,\n  \"dup\": 2\n}\n", "\u{feff}x", "<html>", "", " \n"]
        {
            let found = read("application/json", text.as_bytes());
            assert_eq!(found, (json!(text), Content::Text), "{text}");
        }
        assert_eq!(read("text/plain; charset=latin1", b"caf\xe9"), (json!("café"), Content::Text));
        assert_eq!(
            read("image/png", b"\x89PNG\0"),
            (json!({ "media_type": "image/png", "bytes": 5, "base64": "iVBORwA=" }), Content::Binary)
        );
        let removed = read("text/plain", b"a hunter-22 b");
        assert_eq!(removed.0, json!("a [credential removed] b"));
    }

    #[test]
    fn a_credential_that_is_json_itself_is_removed_whole() {
        let secret = r#"{"id":"sa","key":"k3y"}"#;
        let body = format!(r#"{{"seen":{secret}}}"#);
        let shown = read_without(secret, None, AnswerFormat::Declared, body.as_bytes()).unwrap().0;
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
