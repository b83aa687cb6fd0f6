//! What an error response means, and how much of its message a model sees.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::body::ContentKind;
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

impl ErrorResponse<'_> {
    /// What the error means.
    pub(super) fn failure(
        &self,
        settings: &HttpSettings,
        scrubber: &Scrubber,
        now: SystemTime,
    ) -> CallFailure {
        let message = self.message(settings, scrubber);
        let limit = &settings.rate_limit;
        if settings.rejected_status.contains(&self.status.as_u16()) {
            CallFailure::CredentialRejected { message }
        } else if limit.applies(self.status, self.headers) {
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

    fn message(&self, settings: &HttpSettings, scrubber: &Scrubber) -> String {
        let mut line = format!("{} answered {}", self.title, self.status.as_u16());
        if let Some(reason) = self.status.canonical_reason() {
            line = format!("{line} {reason}");
        }
        match self.service_message(settings, scrubber) {
            Some(said) => format!("{line}: {said}"),
            None => line,
        }
    }

    /// The service's own message. It is scrubbed before it is cut, so that no part of a credential is left at the cut.
    fn service_message(&self, settings: &HttpSettings, scrubber: &Scrubber) -> Option<String> {
        if ContentKind::from_headers(self.headers) == ContentKind::Html {
            return None;
        }
        let clean = scrubber.bytes(self.body?);
        let text = std::str::from_utf8(&clean).ok()?.trim();
        let said = match serde_json::from_str::<Value>(text) {
            Ok(mut body) => {
                scrubber.value(&mut body);
                let path = settings.error_message.as_ref();
                let found = path.and_then(|path| search(path, &body, self.search_bytes).ok());
                let found = found.map(|found| found.to_value()).filter(|found| !found.is_null());
                match found.unwrap_or(body) {
                    Value::String(text) => text,
                    other => other.to_string(),
                }
            }
            // Undeclared or broken markup is of no use to a model.
            Err(_) if text.starts_with('<') => return None,
            Err(_) => text.to_owned(),
        };
        let said = scrubber.text(said.trim());
        Some(shortened(&said)).filter(|said| !said.is_empty())
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
