//! What an error response means, and how much of its message a model sees.

use std::time::{Duration, SystemTime};

use cofferdam_config::json::repair;
use cofferdam_vault::files::BYTE_ORDER_MARK;
use http::{HeaderMap, StatusCode};
use jmespath::Expression;
use serde_json::Value;

use super::content_type::{ContentKind, ContentType};
use super::settings::HttpSettings;
use crate::connectors::effects::Effects;
use crate::connectors::failure::CallFailure;
use crate::connectors::outcome::Outcome;
use crate::connectors::scrub::Scrubber;
use crate::connectors::search::search;

/// The largest error body that is read, in bytes. For a larger one only the status is reported.
pub(super) const ERROR_BYTES: u64 = 64 * 1024;

/// The most values of an error body. For one with more only the status is reported.
pub(super) const ERROR_NODES: u64 = 5_000;

/// How long an error body may take. For a later one only the status is reported.
pub(super) const ERROR_TIME: Duration = Duration::from_secs(2);

/// How much of a service's message is shown, in characters.
const MESSAGE_CHARS: usize = 1000;

/// A response whose status is not a success.
pub(super) struct ErrorResponse<'a> {
    pub(super) title: &'a str,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// The body; `None` if it was larger than [`ERROR_BYTES`] or [`ERROR_NODES`], late or broken.
    pub(super) body: Option<&'a [u8]>,
    pub(super) effects: Effects,
    /// The memory that a search of the body may use, in bytes.
    pub(super) search_bytes: u64,
}

/// The body of an error, without credentials.
enum ErrorBody {
    Json(Value),
    Text(String),
}

impl ErrorResponse<'_> {
    /// What the error means.
    pub(super) fn failure(
        &self,
        settings: &HttpSettings,
        scrubber: &Scrubber,
        now: SystemTime,
    ) -> CallFailure {
        let body = self.body(scrubber);
        let message = self.message(body.as_ref(), settings, scrubber);
        let json = body.as_ref().and_then(|body| match body {
            ErrorBody::Json(value) => Some(value),
            ErrorBody::Text(_) => None,
        });
        let limit = &settings.rate_limit;
        if settings.rejected_status.contains(&self.status.as_u16()) {
            CallFailure::CredentialRejected { message }
        } else if limit.applies(self.status, self.headers, json, self.search_bytes) {
            CallFailure::RateLimited { message, retry_after: limit.retry_after(self.headers, now) }
        } else {
            let outcome = if self.status.is_client_error() {
                Outcome::Rejected
            } else {
                Outcome::after_sending(self.effects)
            };
            CallFailure::Upstream { status: self.status.as_u16(), message, outcome }
        }
    }

    fn message(&self, body: Option<&ErrorBody>, settings: &HttpSettings, scrubber: &Scrubber) -> String {
        let mut line = format!("{} answered {}", self.title, self.status.as_u16());
        if let Some(reason) = self.status.canonical_reason() {
            line = format!("{line} {reason}");
        }
        // It is scrubbed again, in one piece, and before it is cut, so that no part of a credential is left at the cut.
        let said = match body {
            Some(ErrorBody::Json(value)) => self.said(value, settings),
            Some(ErrorBody::Text(text)) => text.clone(),
            None => String::new(),
        };
        match shortened(&scrubber.text(said.trim())) {
            said if said.is_empty() => line,
            said => format!("{line}: {said}"),
        }
    }

    /// The body, unless it is a page: that is of no use to a model.
    fn body(&self, scrubber: &Scrubber) -> Option<ErrorBody> {
        if ContentType::from_headers(self.headers).kind() == ContentKind::Html {
            return None;
        }
        let clean = scrubber.bytes(self.body?);
        // One unreadable string must not cost the message.
        let text = String::from_utf8_lossy(&clean);
        let text = text.trim_start_matches(BYTE_ORDER_MARK).trim();
        match serde_json::from_slice::<Value>(&repair(text.as_bytes())) {
            Ok(mut value) => {
                scrubber.value(&mut value);
                Some(ErrorBody::Json(value))
            }
            // Undeclared or broken markup.
            Err(_) if text.starts_with('<') => None,
            Err(_) => Some(ErrorBody::Text(text.to_owned())),
        }
    }

    /// The service's own message and its details. The whole body if it has no message.
    fn said(&self, body: &Value, settings: &HttpSettings) -> String {
        let find = |path: &Option<Expression<'static>>| {
            let found = search(path.as_ref()?, body, self.search_bytes).ok()?.to_value();
            Some(listed(&found)).filter(|text| !text.is_empty())
        };
        let Some(message) = find(&settings.error_message) else { return listed(body) };
        match find(&settings.error_details) {
            Some(details) if !message.contains(&details) => format!("{message}: {details}"),
            _ => message,
        }
    }
}

/// A part of an error as text: strings as they are, a list with semicolons between its items, and the rest as JSON.
fn listed(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(listed).collect::<Vec<_>>().join("; "),
        Value::Object(entries) if entries.is_empty() => String::new(),
        other => other.to_string(),
    }
}

/// At most [`MESSAGE_CHARS`] characters of `text`, with an ellipsis if it was cut.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, RETRY_AFTER};
    use serde_json::json;

    use super::*;
    use crate::connectors::effects::SideEffect;

    fn failure(
        status: u16,
        headers: &[(http::HeaderName, &str)],
        body: &str,
        side_effect: SideEffect,
    ) -> CallFailure {
        let table = json!({
            "base_url": "https://a.example", "errors": { "message": "message" },
            "rate_limit": { "remaining": "x-remaining" },
        });
        let credential = serde_json::from_value(json!({ "kind": "bearer" })).unwrap();
        let settings = HttpSettings::from_table(serde_json::from_value(table).unwrap(), &credential).unwrap();
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let response = ErrorResponse {
            title: "Svc",
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            body: Some(body.as_bytes()),
            effects: Effects { side_effect, idempotent: false, concurrency_safe: true },
            search_bytes: 64 * 1024,
        };
        response.failure(&settings, &Scrubber::new(["hunter-22"]), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn the_service_is_quoted_in_its_own_words() {
        let message = failure(404, &[], r#"{"message":"No such hunter-22","docs":"…"}"#, SideEffect::None);
        assert_eq!(message.to_string(), "Svc answered 404 Not Found: No such [credential removed]");
        let message = failure(400, &[], r#"{"error":"bad"}"#, SideEffect::None);
        assert_eq!(message.to_string(), r#"Svc answered 400 Bad Request: {"error":"bad"}"#);
        let message = failure(400, &[], " plain words ", SideEffect::None);
        assert_eq!(message.to_string(), "Svc answered 400 Bad Request: plain words");
    }

    #[test]
    fn the_details_follow_the_message() {
        let said = |body: &str| failure(422, &[], body, SideEffect::Write).to_string();
        assert_eq!(
            said(r#"{"message":"Validation Failed","errors":[{"code":"custom","message":"No commits"}]}"#),
            r#"Svc answered 422 Unprocessable Entity: Validation Failed: {"code":"custom","message":"No commits"}"#
        );
        assert_eq!(
            said(r#"{"message":"Rule violations","errors":["Name must match feature/*","no hunter-22"]}"#),
            "Svc answered 422 Unprocessable Entity: Rule violations: Name must match feature/*; no [credential removed]"
        );
        assert_eq!(
            said(r#"{"message":"Invalid","errors":{"title":["is too short"]}}"#),
            r#"Svc answered 422 Unprocessable Entity: Invalid: {"title":["is too short"]}"#
        );
        for nothing in ["[]", "{}", "null", "\"\"", "\"Invalid\""] {
            let body = format!(r#"{{"message":"Invalid","errors":{nothing}}}"#);
            assert_eq!(said(&body), "Svc answered 422 Unprocessable Entity: Invalid", "{nothing}");
        }
        let long = format!(r#"{{"message":"Invalid","errors":["{}hunter-22"]}}"#, "x".repeat(980));
        assert!(!said(&long).contains("hunt") && said(&long).ends_with('…'), "{}", said(&long));
    }

    #[test]
    fn a_credential_that_is_json_itself_is_not_quoted_piece_by_piece() {
        let secret = r#"{"id":"sa","key":"k3y"}"#;
        let table = json!({ "base_url": "https://a.example", "errors": { "message": "seen.key" } });
        let credential = serde_json::from_value(json!({ "kind": "bearer" })).unwrap();
        let settings = HttpSettings::from_table(serde_json::from_value(table).unwrap(), &credential).unwrap();
        let body = format!(r#"{{"seen":{secret}}}"#);
        let response = ErrorResponse {
            title: "Svc",
            status: StatusCode::BAD_REQUEST,
            headers: &HeaderMap::new(),
            body: Some(body.as_bytes()),
            effects: Effects { side_effect: SideEffect::None, idempotent: true, concurrency_safe: true },
            search_bytes: 64 * 1024,
        };
        let message =
            response.failure(&settings, &Scrubber::new([secret]), SystemTime::UNIX_EPOCH).to_string();
        assert_eq!(message, r#"Svc answered 400 Bad Request: {"seen":"[credential removed]"}"#);
    }

    #[test]
    fn a_page_is_reduced_to_its_status() {
        let html = (CONTENT_TYPE, "text/html; charset=utf-8");
        assert_eq!(
            failure(502, &[html], "words", SideEffect::None).to_string(),
            "Svc answered 502 Bad Gateway"
        );
        assert_eq!(
            failure(502, &[], "<html>words", SideEffect::None).to_string(),
            "Svc answered 502 Bad Gateway"
        );
    }

    #[test]
    fn a_long_message_is_cut_after_it_was_scrubbed() {
        let body = format!("{}hunter-22", "x".repeat(MESSAGE_CHARS - 4));
        let message = failure(400, &[], &body, SideEffect::None).to_string();
        assert!(!message.contains("hunt"), "{message}");
        assert!(message.ends_with("[cre…"), "{message}");
    }

    #[test]
    fn the_status_says_what_may_have_happened() {
        let outcome = |status, side_effect| match failure(status, &[], "", side_effect) {
            CallFailure::Upstream { outcome, .. } => outcome,
            other => panic!("{other:?}"),
        };
        assert_eq!(outcome(422, SideEffect::Write), Outcome::Rejected);
        assert_eq!(outcome(500, SideEffect::Write), Outcome::Unknown);
        assert_eq!(outcome(503, SideEffect::Destructive), Outcome::Unknown);
        assert_eq!(outcome(500, SideEffect::None), Outcome::Rejected);
    }

    #[test]
    fn rejections_and_rate_limits_are_distinguished() {
        assert!(matches!(failure(401, &[], "", SideEffect::None), CallFailure::CredentialRejected { .. }));
        let retry = Some(Duration::from_secs(9));
        let message = failure(429, &[(RETRY_AFTER, "9")], "", SideEffect::Write);
        assert!(matches!(message, CallFailure::RateLimited { retry_after, .. } if retry_after == retry));
        let used_up = (http::HeaderName::from_static("x-remaining"), "0");
        assert!(matches!(failure(403, &[used_up], "", SideEffect::None), CallFailure::RateLimited { .. }));
        assert!(matches!(failure(403, &[], "", SideEffect::None), CallFailure::Upstream { status: 403, .. }));
    }
}
