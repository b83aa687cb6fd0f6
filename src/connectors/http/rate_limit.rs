//! How a service limits the rate of calls, and when it accepts them again.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode};
use jmespath::Expression;
use serde_json::Value;

use crate::connectors::search::search;

/// The longest plausible wait. A longer one comes from a clock that is wrong.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How a service announces its rate limit.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// Seconds or a date after which calls are accepted again.
    pub(super) retry_after: HeaderName,
    /// How many calls are left.
    pub(super) remaining: Option<HeaderName>,
    /// When there will be calls again, in seconds since 1970.
    pub(super) reset: Option<HeaderName>,
    /// Yields true for the body of an error that is a rate limit.
    pub(super) body: Option<Expression<'static>>,
    /// How long to wait if no header says.
    pub(super) wait: Option<Duration>,
}

impl RateLimit {
    /// Whether an error with this status, these headers and this JSON body is a rate limit. `search_bytes` is the memory
    /// that a search of the body may use.
    pub(super) fn applies(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: Option<&Value>,
        search_bytes: u64,
    ) -> bool {
        let says_so = || {
            let (Some(expression), Some(body)) = (&self.body, body) else { return false };
            search(expression, body, search_bytes).is_ok_and(|found| found.to_value() == true)
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::FORBIDDEN => {
                self.remaining(headers) == Some(0) || headers.contains_key(&self.retry_after) || says_so()
            }
            other => other.is_client_error() && says_so(),
        }
    }

    /// How long to wait, at most a day: by the header `retry_after`, or else until `reset` unless calls are left, or else
    /// the `wait` of the service.
    pub(super) fn retry_after(&self, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        let until = |time: SystemTime| time.duration_since(now).unwrap_or_default();
        let wait = headers.get(&self.retry_after).and_then(|value| {
            let text = value.to_str().ok()?;
            let date = || httpdate::parse_http_date(text.trim()).ok().map(until);
            cofferdam_vault::retry_after(text).or_else(date)
        });
        let reset = || {
            // With calls left, this is another limit than the one that is reset.
            if self.remaining(headers).is_some_and(|left| left > 0) {
                return None;
            }
            let seconds = seconds(headers, self.reset.as_ref()?)?;
            Some(until(SystemTime::UNIX_EPOCH.checked_add(seconds)?))
        };
        wait.or_else(reset).or(self.wait).map(|wait| wait.min(LONGEST))
    }

    fn remaining(&self, headers: &HeaderMap) -> Option<u64> {
        headers.get(self.remaining.as_ref()?)?.to_str().ok()?.trim().parse().ok()
    }
}

fn seconds(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    cofferdam_vault::retry_after(headers.get(name)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limit() -> RateLimit {
        RateLimit {
            retry_after: HeaderName::from_static("retry-after"),
            remaining: Some(HeaderName::from_static("x-remaining")),
            reset: Some(HeaderName::from_static("x-reset")),
            body: Some(jmespath::compile("contains(message, 'too fast')").unwrap()),
            wait: None,
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn wait(pairs: &[(&'static str, &str)]) -> Option<u64> {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        limit().retry_after(&headers(pairs), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_dates_and_resets_are_understood() {
        assert_eq!(wait(&[("retry-after", " 7 ")]), Some(7));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]), Some(60));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0));
        assert_eq!(wait(&[("x-reset", "784111787")]), Some(10));
        assert_eq!(wait(&[("retry-after", "soon"), ("x-reset", "784111787")]), Some(10));
        assert_eq!(wait(&[("retry-after", "99999999999")]), Some(86_400));
        assert_eq!(wait(&[("x-reset", "18446744073709551615")]), None);
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "299.4")]), Some(300));
        assert_eq!(wait(&[("retry-after", "0.0")]), Some(0));
        assert_eq!(wait(&[("x-reset", "784111786.2")]), Some(10));
    }

    #[test]
    fn a_reset_does_not_count_while_calls_are_left() {
        assert_eq!(wait(&[("x-remaining", "7"), ("x-reset", "784111787")]), None);
        assert_eq!(wait(&[("x-remaining", "0"), ("x-reset", "784111787")]), Some(10));
        let limit = RateLimit { wait: Some(Duration::from_secs(60)), ..limit() };
        let wait = |pairs| limit.retry_after(&headers(pairs), SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(wait(&[("x-remaining", "7"), ("x-reset", "784111787")]), 60);
        assert_eq!(wait(&[]), 60);
        assert_eq!(wait(&[("retry-after", "5")]), 5);
    }

    #[test]
    fn a_403_is_a_rate_limit_only_if_a_header_or_the_body_says_so() {
        let applies = |status: u16, pairs, body: Value| {
            let status = StatusCode::from_u16(status).unwrap();
            limit().applies(status, &headers(pairs), Some(&body), 64 * 1024)
        };
        let (fast, other) = (json!({ "message": "you are too fast" }), json!({ "message": "no" }));
        assert!(applies(429, &[], other.clone()));
        assert!(applies(403, &[("x-remaining", "0")], other.clone()));
        assert!(applies(403, &[("retry-after", "1")], other.clone()));
        assert!(applies(403, &[("x-remaining", "1")], fast.clone()));
        assert!(applies(400, &[], fast.clone()));
        assert!(!applies(403, &[("x-remaining", "1")], other.clone()));
        assert!(!applies(403, &[], json!({ "message": 7 })));
        assert!(!applies(404, &[("x-remaining", "0")], other));
        assert!(!applies(500, &[], fast), "it may have done something");
    }
}
