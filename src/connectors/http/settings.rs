//! The `[http]` table of a manifest: as it is written, and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName};
use jmespath::Expression;
use serde::Deserialize;
use tokio::sync::Semaphore;
use url::Url;

use super::address::check_base_url;
use super::finding::Finding;
use super::headers;
use super::page::{PageStyle, PageTable};
use super::units::{parse_duration, parse_size};
use crate::broker::CredentialSpec;

/// The `[http]` table of a manifest, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTable {
    /// Where the service is, with the part of the path that all its tools share: `https://api.github.com`. Where absent,
    /// the profile must say so for the module or for each of its accounts.
    pub base_url: Option<String>,
    /// Headers that every request carries. None where absent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How the service offers a next page. Where absent, none is offered to the model.
    pub page: Option<PageTable>,
    /// How the service words its errors.
    #[serde(default)]
    pub errors: ErrorsTable,
    /// In which headers the service says how often it may be called.
    #[serde(default)]
    pub rate_limit: RateLimitTable,
    /// The statuses that mean: this credential is not taken. `[401]` where absent; an empty list means that none does.
    pub rejected_status: Option<Vec<u16>>,
    /// How a list is written in a query or a form. `"repeat"` where absent.
    #[serde(default)]
    pub arrays: Arrays,
    /// The bounds of one call.
    #[serde(default)]
    pub limits: LimitsTable,
}

/// How a service words its errors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorsTable {
    /// A JMESPath into an error's JSON body that yields its message. Where absent, a short body is the message.
    pub message: Option<String>,
}

/// The headers in which a service says how often it may be called.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitTable {
    /// Seconds or a date after which to come back. `retry-after` where absent.
    pub retry_after: Option<String>,
    /// How many calls are left; with zero, a 403 counts as a rate limit. Not looked at where absent.
    pub remaining: Option<String>,
    /// When there will be calls again, in seconds since 1970. Not looked at where absent.
    pub reset: Option<String>,
}

/// How a list is written in a query or a form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrays {
    /// `label=a&label=b`.
    #[default]
    Repeat,
    /// `label=a,b`; an element that holds a comma is refused.
    Comma,
}

/// The bounds of one call. Sizes are text with a unit (`"4MiB"`, `"512KiB"`), durations too (`"30s"`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// How large an answer may be, unpacked. `"4MiB"` where absent; zero is refused.
    pub answer: Option<String>,
    /// How large a request's body may be. `"4MiB"` where absent; zero is refused.
    pub request: Option<String>,
    /// How many calls to the service may run at once; further ones wait, within their deadline. 256 where absent; zero
    /// is refused.
    pub in_flight: Option<u32>,
    /// How long the whole answer may take, below the caller's own deadline. `"30s"` where absent; zero is refused.
    pub timeout: Option<String>,
}

/// The `[http]` table of a manifest, checked.
#[derive(Debug)]
pub struct HttpSettings {
    base_url: Option<Url>,
    pub(super) headers: HeaderMap,
    pub(super) page: Option<PageStyle>,
    pub(super) error_message: Option<Expression<'static>>,
    pub(super) rate_limit: RateLimit,
    pub(super) rejected_status: Vec<u16>,
    pub(super) arrays: Arrays,
    pub(super) limits: Limits,
    /// One for each call that may run: a service that hangs holds these, and not the whole process.
    pub(super) permits: Semaphore,
}

/// The headers in which a service says how often it may be called.
#[derive(Debug)]
pub(super) struct RateLimit {
    pub(super) retry_after: HeaderName,
    pub(super) remaining: Option<HeaderName>,
    pub(super) reset: Option<HeaderName>,
}

/// The bounds of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) answer_bytes: u64,
    pub(super) request_bytes: u64,
    pub(super) timeout: Duration,
    in_flight: u32,
}

/// What fits into a model's context many times over, and still into memory when every call asks for it.
const DEFAULT_BYTES: u64 = 4 * 1024 * 1024;
/// More than services take from one client, and few enough that many services can hang at once.
const DEFAULT_IN_FLIGHT: u32 = 256;
/// Longer than services take that answer at all.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl HttpSettings {
    /// Checks a manifest's `[http]` table, and that `credential` can go onto its requests.
    ///
    /// # Errors
    ///
    /// Everything that is wrong at once; keys are those inside the `[http]` table, or start with `credential.`.
    pub fn from_table(table: HttpTable, credential: &CredentialSpec) -> Result<Self, Vec<Finding>> {
        let mut findings = check_credential(credential);
        let base_url = table.base_url.as_deref().and_then(|text| base_url(text, &mut findings));
        let headers = headers(&table.headers, credential, &mut findings);
        let page = table.page.and_then(|page| PageStyle::from_table(page, &mut findings));
        let error_message =
            table.errors.message.and_then(|text| expression("errors.message", &text, &mut findings));
        let rate_limit = rate_limit(table.rate_limit, &mut findings);
        let rejected_status = table.rejected_status.unwrap_or_else(|| vec![401]);
        for status in rejected_status.iter().filter(|status| !(400..500).contains(*status)) {
            findings.push(Finding::new(
                "rejected_status",
                format!("{status} is no status by which a service refuses"),
                "name statuses from 400 to 499",
            ));
        }
        let limits = limits(&table.limits, &mut findings);
        let arrays = table.arrays;
        if !findings.is_empty() {
            return Err(findings);
        }
        Ok(Self {
            base_url,
            headers,
            page,
            error_message,
            rate_limit,
            rejected_status,
            arrays,
            permits: Semaphore::new(usize::try_from(limits.in_flight).unwrap_or(Semaphore::MAX_PERMITS)),
            limits,
        })
    }

    /// Where the service is, for accounts that say nothing else; `None` where each account must.
    pub fn base_url(&self) -> Option<&Url> {
        self.base_url.as_ref()
    }
}

fn base_url(text: &str, findings: &mut Vec<Finding>) -> Option<Url> {
    let checked = Url::parse(text)
        .map_err(|e| format!("is no address: {e}"))
        .and_then(|url| check_base_url(&url).map(|()| url));
    checked
        .map_err(|why| {
            findings.push(Finding::new("base_url", why, "write it like `https://api.example.com/v1`"))
        })
        .ok()
}

/// Headers and parameters that a credential may not fill.
fn check_credential(credential: &CredentialSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    match credential {
        CredentialSpec::Header { headers } => {
            for name in headers.keys() {
                if let Err(why) = headers::fillable(name) {
                    let key = format!("credential.headers.{name}");
                    findings.push(Finding::new(
                        key,
                        why,
                        "name the header that the service's documents name",
                    ));
                }
            }
            if headers.is_empty() {
                findings.push(Finding::new(
                    "credential.headers",
                    "is empty",
                    "name the header that carries it",
                ));
            }
        }
        CredentialSpec::Query { params } if params.is_empty() => {
            findings.push(Finding::new(
                "credential.params",
                "is empty",
                "name the parameter that carries it",
            ));
        }
        CredentialSpec::Query { .. } | CredentialSpec::Bearer { .. } | CredentialSpec::Basic { .. } => {}
    }
    findings
}

fn headers(
    table: &BTreeMap<String, String>,
    credential: &CredentialSpec,
    findings: &mut Vec<Finding>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, text) in table {
        let key = format!("headers.{name}");
        match (headers::settable(name, credential), headers::value(text)) {
            (Ok(header), Some(value)) => {
                headers.insert(header, value);
            }
            (Err(why), _) => findings.push(Finding::new(key, why, "leave it out")),
            (_, None) => findings.push(Finding::new(
                key,
                "holds a character that a header cannot carry",
                "use visible ASCII",
            )),
        }
    }
    headers
}

fn rate_limit(table: RateLimitTable, findings: &mut Vec<Finding>) -> RateLimit {
    let mut header = |key: &str, name: Option<String>| {
        let name = name?;
        HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| {
                let key = format!("rate_limit.{key}");
                findings.push(Finding::new(key, format!("`{name}` is no header's name"), "name a header"));
            })
            .ok()
    };
    RateLimit {
        retry_after: header("retry_after", table.retry_after).unwrap_or(RETRY_AFTER),
        remaining: header("remaining", table.remaining),
        reset: header("reset", table.reset),
    }
}

fn limits(table: &LimitsTable, findings: &mut Vec<Finding>) -> Limits {
    let mut size = |key: &str, text: &Option<String>| match text.as_deref().map(parse_size) {
        None => DEFAULT_BYTES,
        Some(Some(bytes)) => bytes,
        Some(None) => {
            findings.push(Finding::new(
                format!("limits.{key}"),
                "is no size above zero",
                "write a number and a unit: `\"4MiB\"`, `\"512KiB\"`",
            ));
            DEFAULT_BYTES
        }
    };
    let answer_bytes = size("answer", &table.answer);
    let request_bytes = size("request", &table.request);
    let timeout = match table.timeout.as_deref().map(parse_duration) {
        None => DEFAULT_TIMEOUT,
        Some(Some(timeout)) => timeout,
        Some(None) => {
            findings.push(Finding::new(
                "limits.timeout",
                "is no duration above zero",
                "write a number and a unit: `\"30s\"`",
            ));
            DEFAULT_TIMEOUT
        }
    };
    let in_flight = table.in_flight.unwrap_or(DEFAULT_IN_FLIGHT);
    if in_flight == 0 {
        findings.push(Finding::new(
            "limits.in_flight",
            "is zero, so that no call could run",
            "write at least 1",
        ));
    }
    Limits { answer_bytes, request_bytes, timeout, in_flight }
}

/// A JMESPath, compiled.
pub(super) fn expression(key: &str, text: &str, findings: &mut Vec<Finding>) -> Option<Expression<'static>> {
    jmespath::compile(text)
        .map_err(|e| {
            let why = format!("`{text}` is no JMESPath: {}", e.reason);
            findings.push(Finding::new(key, why, "see https://jmespath.org for how one is written"));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(table: Value, credential: Value) -> Result<HttpSettings, Vec<String>> {
        let credential = serde_json::from_value(credential).unwrap();
        HttpSettings::from_table(serde_json::from_value(table).unwrap(), &credential)
            .map_err(|findings| findings.into_iter().map(|finding| finding.key).collect())
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let settings =
            settings(json!({ "base_url": "https://api.example.com" }), json!({ "kind": "bearer" })).unwrap();
        assert_eq!(settings.limits.answer_bytes, 4 * 1024 * 1024);
        assert_eq!(settings.limits.request_bytes, 4 * 1024 * 1024);
        assert_eq!(settings.limits.timeout, Duration::from_secs(30));
        assert_eq!(settings.rejected_status, [401]);
        assert_eq!(settings.rate_limit.retry_after, RETRY_AFTER);
        assert_eq!(settings.arrays, Arrays::Repeat);
    }

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        let table = json!({
            "base_url": "ftp://files.example.com",
            "headers": { "host": "elsewhere", "x-line": "a\r\nb" },
            "page": { "style": "cursor", "next": "a[", "argument": "cursor" },
            "errors": { "message": "][" },
            "rate_limit": { "reset": "no header" },
            "rejected_status": [500],
            "limits": { "answer": "much", "timeout": "0s", "in_flight": 0 },
        });
        let keys = settings(table, json!({ "kind": "header", "headers": { "content-length": "{token}" } }))
            .unwrap_err();
        assert_eq!(
            keys,
            [
                "credential.headers.content-length",
                "base_url",
                "headers.host",
                "headers.x-line",
                "page.next",
                "errors.message",
                "rate_limit.reset",
                "rejected_status",
                "limits.answer",
                "limits.timeout",
                "limits.in_flight",
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let table = json!({ "base_url": "https://a.example", "pages": {} });
        assert!(serde_json::from_value::<HttpTable>(table).is_err());
        let table =
            json!({ "base_url": "https://a.example", "page": { "style": "link-header", "next": "x" } });
        assert!(serde_json::from_value::<HttpTable>(table).is_err());
    }
}
