//! What a service's error means, and how much of its words a model gets to see.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::answer::Kind;
use super::failure::{CallFailure, Outcome};
use super::settings::HttpSettings;
use crate::connectors::Scrubber;
use crate::registry::Effects;

/// How much of an error's body is read, in bytes; a larger one is reduced to its status.
pub(super) const ERROR_BYTES: u64 = 64 * 1024;

/// How long an error's body is waited for; a later one is reduced to its status, which is known already.
pub(super) const ERROR_TIME: Duration = Duration::from_secs(2);

/// How much of what a service says is shown, in characters.
const MESSAGE_CHARS: usize = 1000;

/// An answer that is an error.
pub(super) struct Refusal<'a> {
    pub(super) title: &'a str,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// The body; `None` where it was larger than [`ERROR_BYTES`], late or broken.
    pub(super) body: Option<&'a [u8]>,
    pub(super) effects: Effects,
}

impl Refusal<'_> {
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
        match self.said(settings, scrubber) {
            Some(said) => format!("{line}: {said}"),
            None => line,
        }
    }

    /// The service's own words, scrubbed before they are cut, so that no piece of a credential is left at the cut.
    fn said(&self, settings: &HttpSettings, scrubber: &Scrubber) -> Option<String> {
        let kind = Kind::of(self.headers);
        if kind == Kind::Html {
            return None;
        }
        let clean = scrubber.bytes(self.body?);
        let text = std::str::from_utf8(&clean).ok()?.trim();
        let said = match serde_json::from_str::<Value>(text) {
            Ok(mut body) => {
                scrubber.value(&mut body);
                let found = settings.error_message.as_ref().and_then(|path| path.search(&body).ok());
                let found =
                    found.and_then(|found| serde_json::to_value(found).ok()).filter(|found| !found.is_null());
                match found.unwrap_or(body) {
                    Value::String(text) => text,
                    other => other.to_string(),
                }
            }
            // A page that does not say what it is, and broken markup, teach a model nothing.
            Err(_) if text.starts_with('<') => return None,
            Err(_) => text.to_owned(),
        };
        let said = scrubber.text(said.trim());
        Some(shortened(&said)).filter(|said| !said.is_empty())
    }
}

/// At most [`MESSAGE_CHARS`] characters, with a mark where it was cut.
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
    use crate::registry::SideEffect;

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
        let refusal = Refusal {
            title: "Svc",
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            body: Some(body.as_bytes()),
            effects: Effects { side_effect, idempotent: false, concurrency_safe: true },
        };
        refusal.failure(&settings, &Scrubber::new(["hunter-22"]), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn the_service_is_quoted_in_its_own_words() {
        let told = failure(404, &[], r#"{"message":"No such hunter-22","docs":"…"}"#, SideEffect::None);
        assert_eq!(told.to_string(), "Svc answered 404 Not Found: No such [credential removed]");
        let told = failure(400, &[], r#"{"error":"bad"}"#, SideEffect::None);
        assert_eq!(told.to_string(), r#"Svc answered 400 Bad Request: {"error":"bad"}"#);
        let told = failure(400, &[], " plain words ", SideEffect::None);
        assert_eq!(told.to_string(), "Svc answered 400 Bad Request: plain words");
    }

    #[test]
    fn a_credential_that_is_json_itself_is_not_quoted_piece_by_piece() {
        let secret = r#"{"id":"sa","key":"k3y"}"#;
        let table = json!({ "base_url": "https://a.example", "errors": { "message": "seen.key" } });
        let credential = serde_json::from_value(json!({ "kind": "bearer" })).unwrap();
        let settings = HttpSettings::from_table(serde_json::from_value(table).unwrap(), &credential).unwrap();
        let body = format!(r#"{{"seen":{secret}}}"#);
        let refusal = Refusal {
            title: "Svc",
            status: StatusCode::BAD_REQUEST,
            headers: &HeaderMap::new(),
            body: Some(body.as_bytes()),
            effects: Effects { side_effect: SideEffect::None, idempotent: true, concurrency_safe: true },
        };
        let told = refusal.failure(&settings, &Scrubber::new([secret]), SystemTime::UNIX_EPOCH).to_string();
        assert_eq!(told, r#"Svc answered 400 Bad Request: {"seen":[credential removed]}"#);
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
        let told = failure(400, &[], &body, SideEffect::None).to_string();
        assert!(!told.contains("hunt"), "{told}");
        assert!(told.ends_with("[cre…"), "{told}");
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
    fn rejections_and_rate_limits_are_told_apart() {
        assert!(matches!(failure(401, &[], "", SideEffect::None), CallFailure::CredentialRejected { .. }));
        let retry = Some(Duration::from_secs(9));
        let told = failure(429, &[(RETRY_AFTER, "9")], "", SideEffect::Write);
        assert!(matches!(told, CallFailure::RateLimited { retry_after, .. } if retry_after == retry));
        let used_up = (http::HeaderName::from_static("x-remaining"), "0");
        assert!(matches!(failure(403, &[used_up], "", SideEffect::None), CallFailure::RateLimited { .. }));
        assert!(matches!(failure(403, &[], "", SideEffect::None), CallFailure::Upstream { status: 403, .. }));
    }
}
