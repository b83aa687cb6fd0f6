//! When a service accepts calls again after it has limited their rate.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode};

/// The longest plausible wait. A longer one comes from a clock that is wrong.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The headers in which a service announces its rate limit.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// Seconds or a date after which calls are accepted again.
    pub(super) retry_after: HeaderName,
    /// How many calls are left.
    pub(super) remaining: Option<HeaderName>,
    /// When there will be calls again, in seconds since 1970.
    pub(super) reset: Option<HeaderName>,
}

impl RateLimit {
    /// Whether an error with this status and these headers is a rate limit.
    pub(super) fn applies(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let used_up = || self.remaining.as_ref().and_then(|name| number(headers, name.as_str())) == Some(0);
        status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::FORBIDDEN && (used_up() || headers.contains_key(&self.retry_after))
    }

    /// How long to wait, at most a day: by the header `retry_after`, or else until `reset`.
    pub(super) fn retry_after(&self, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        let until = |time: SystemTime| time.duration_since(now).unwrap_or_default();
        let wait = match headers.get(&self.retry_after).and_then(|value| value.to_str().ok()) {
            Some(text) => match text.trim().parse::<u64>() {
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => httpdate::parse_http_date(text.trim()).ok().map(until),
            },
            None => None,
        };
        let reset = || {
            let seconds = number(headers, self.reset.as_ref()?.as_str())?;
            Some(until(SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?))
        };
        wait.or_else(reset).map(|wait| wait.min(LONGEST))
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit() -> RateLimit {
        RateLimit {
            retry_after: HeaderName::from_static("retry-after"),
            remaining: Some(HeaderName::from_static("x-remaining")),
            reset: Some(HeaderName::from_static("x-reset")),
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
    }

    #[test]
    fn a_403_is_a_rate_limit_only_if_a_header_says_so() {
        let applies =
            |status: u16, pairs| limit().applies(StatusCode::from_u16(status).unwrap(), &headers(pairs));
        assert!(applies(429, &[]));
        assert!(applies(403, &[("x-remaining", "0")]));
        assert!(applies(403, &[("retry-after", "1")]));
        assert!(!applies(403, &[("x-remaining", "1")]));
        assert!(!applies(403, &[]));
        assert!(!applies(404, &[("x-remaining", "0")]));
    }
}
