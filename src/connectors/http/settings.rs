//! The `[http]` table of a manifest: as written, and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use cofferdam_config::base_url::BaseUrlRules;
use cofferdam_config::{Diagnostic, Diagnostics, duration, quote, size, text};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName};
use jmespath::Expression;
use serde::Deserialize;
use url::Url;

use super::destination::check_host;
use super::expression::compile;
use super::headers;
use super::page::{PageStyle, PageTable};
use super::rate_limit::RateLimit;

use crate::broker::CredentialSpec;
use crate::connectors::limits::CallLimits;

/// The `[http]` table of a manifest, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTable {
    /// The base URL of the service, with the part of the path that all its tools share: `https://api.github.com`. If
    /// absent, the profile must set it for the module or for each of its accounts.
    pub base_url: Option<String>,
    /// Headers of every request. None if absent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How the service announces a next page. If absent, the model is offered none.
    pub page: Option<PageTable>,
    /// Where the service puts its error messages.
    #[serde(default)]
    pub errors: ErrorsTable,
    /// How the service announces its rate limit.
    #[serde(default)]
    pub rate_limit: RateLimitTable,
    /// The statuses with which the service rejects a credential. `[401]` if absent; an empty list means none.
    pub rejected_status: Option<Vec<u16>>,
    /// How a list is written in a query or a form. `"repeat"` if absent.
    #[serde(default)]
    pub arrays: Arrays,
    /// The bounds of one call.
    #[serde(default)]
    pub limits: LimitsTable,
}

/// Where a service puts its error messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorsTable {
    /// A JMESPath into an error's JSON body that yields its message. If absent, the body is the message.
    pub message: Option<String>,
    /// A JMESPath into an error's JSON body that yields what else a model should know, such as the fields that are wrong.
    /// It follows the message. `errors` if absent.
    pub details: Option<String>,
}

/// How a service announces its rate limit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitTable {
    /// Seconds or a date after which calls are accepted again. `retry-after` if absent.
    pub retry_after: Option<String>,
    /// How many calls are left. With zero, a 403 counts as a rate limit. Ignored if absent.
    pub remaining: Option<String>,
    /// When calls are accepted again, in seconds since 1970. Ignored if absent, and while calls are left.
    pub reset: Option<String>,
    /// A JMESPath into an error's JSON body that yields true if it is a rate limit, for services that say so in no header.
    /// Ignored if absent, and for a 5xx.
    pub body: Option<String>,
    /// How long to wait if no header says. Unknown if absent.
    pub wait: Option<String>,
}

/// How a list is written in a query or a form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrays {
    /// `label=a&label=b`.
    #[default]
    Repeat,
    /// `label=a,b`. An element that contains a comma is refused.
    Comma,
}

/// The bounds of one call. Sizes are strings with a unit (`"4MiB"`, `"512KiB"`), and so are durations (`"30s"`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// The largest answer, decompressed. `"4MiB"` if absent; zero is refused.
    pub answer: Option<String>,
    /// The largest request body. `"4MiB"` if absent; zero is refused.
    pub request: Option<String>,
    /// How many calls of a module may run at once. Further ones wait. 256 if absent; zero is refused. A profile can
    /// override it for a module.
    pub in_flight: Option<u32>,
    /// How many calls of a module may wait, for others of `in_flight` or of a tool that is not concurrency-safe. Further
    /// ones are refused. 256 if absent; with zero, a call that would have to wait is refused. A profile can override it
    /// for a module.
    pub queue: Option<u32>,
    /// How many look-ups of host names a module may run at once, each on a thread of its own. Further ones wait. 2 if
    /// absent; up to 64, zero is refused. A profile can override it for a module.
    pub lookups: Option<u32>,
    /// How long a call may wait for `in_flight` and take after that, if the caller's own deadline is not earlier. The
    /// time of its vault does not count. `"30s"` if absent; zero is refused.
    pub timeout: Option<String>,
}

/// The `[http]` table of a manifest, checked.
#[derive(Debug)]
pub struct HttpSettings {
    base_url: Option<Url>,
    pub(super) headers: HeaderMap,
    pub(super) page: Option<PageStyle>,
    pub(super) error_message: Option<Expression<'static>>,
    pub(super) error_details: Option<Expression<'static>>,
    pub(super) rate_limit: RateLimit,
    pub(super) rejected_status: Vec<u16>,
    pub(super) arrays: Arrays,
    pub(super) limits: Limits,
}

/// The bounds of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) answer_bytes: u64,
    pub(super) request_bytes: u64,
    pub(super) calls: CallLimits,
    lookups: u32,
}

/// Much more than fits a model's context, and little enough for every call in flight to need it.
const DEFAULT_BYTES: u64 = 4 * 1024 * 1024;
/// More than services accept from one client, and few enough for many services to hang at once.
const DEFAULT_IN_FLIGHT: u32 = 256;
/// As many as run. The last one waits for about as long as one call takes.
const DEFAULT_QUEUE: u32 = 256;
/// Calls share the look-up of a name, and a module has few names. The second thread serves while the first one hangs.
const DEFAULT_LOOKUPS: u32 = 2;
/// More names than a module's accounts have.
const MAX_LOOKUPS: u32 = 64;
/// Where most services put the details of an error.
const ERROR_DETAILS: &str = "errors";
/// Longer than any working service takes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl HttpSettings {
    /// Checks a manifest's `[http]` table, and that its requests can carry `credential`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong. Keys are relative to the `[http]` table, or start with `credential.`.
    pub fn from_table(table: HttpTable, credential: &CredentialSpec) -> Result<Self, Diagnostics> {
        let mut diagnostics = check_credential(credential);
        let base_url = table.base_url.as_deref().and_then(|text| diagnostics.take(base_url(text)));
        let headers = headers(&table.headers, credential, &mut diagnostics);
        let page = table.page.and_then(|page| PageStyle::from_table(page, &mut diagnostics));
        let error_message =
            table.errors.message.and_then(|text| compile("errors.message", &text, &mut diagnostics));
        let details = table.errors.details.as_deref().unwrap_or(ERROR_DETAILS);
        let error_details = compile("errors.details", details, &mut diagnostics);
        let rate_limit = rate_limit(table.rate_limit, &mut diagnostics);
        let rejected_status = table.rejected_status.unwrap_or_else(|| vec![401]);
        for status in rejected_status.iter().filter(|status| !(400..500).contains(*status)) {
            diagnostics.error(
                "rejected_status",
                text!("{status} is not a status of a rejected request"),
                "name statuses from 400 to 499",
            );
        }
        let limits = limits(&table.limits, &mut diagnostics);
        let arrays = table.arrays;
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        Ok(Self {
            base_url,
            headers,
            page,
            error_message,
            error_details,
            rate_limit,
            rejected_status,
            arrays,
            limits,
        })
    }

    /// The base URL for accounts without one of their own. `None` if each account must have one.
    pub fn base_url(&self) -> Option<&Url> {
        self.base_url.as_ref()
    }

    /// The limits on the calls of each module, unless the profile sets its own.
    pub fn call_limits(&self) -> CallLimits {
        self.limits.calls
    }

    /// How many look-ups a module may run at once, unless the profile sets its own number.
    pub fn lookups(&self) -> u32 {
        self.limits.lookups
    }
}

/// Parses the base URL. Whether plain `http` is allowed is decided by the profile, when a request is sent.
fn base_url(text: &str) -> Result<Url, Diagnostic> {
    const KEY: &str = "base_url";
    let url = BaseUrlRules { insecure_http: true, user_name: false }.parse(KEY, text)?;
    match check_host(&url) {
        Ok(()) => Ok(url),
        Err(why) => Err(Diagnostic::error(KEY, why, "use the address of the service's API")),
    }
}

/// Checks that requests can carry the credential.
fn check_credential(credential: &CredentialSpec) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    match credential {
        CredentialSpec::Header { headers } => {
            for name in headers.keys() {
                if let Err(why) = headers::for_credential(name) {
                    let key = format!("credential.headers.{name}");
                    diagnostics.error(key, why, "use the header that the service's documentation names");
                }
            }
            if headers.is_empty() {
                diagnostics.error("credential.headers", "is empty", "name the header that carries it");
            }
        }
        CredentialSpec::Query { params } if params.is_empty() => {
            diagnostics.error("credential.params", "is empty", "name the parameter that carries it");
        }
        CredentialSpec::Query { .. } | CredentialSpec::Bearer { .. } | CredentialSpec::Basic { .. } => {}
    }
    diagnostics
}

fn headers(
    table: &BTreeMap<String, String>,
    credential: &CredentialSpec,
    diagnostics: &mut Diagnostics,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, text) in table {
        let key = format!("headers.{name}");
        match (headers::for_manifest(name, credential), headers::value(text)) {
            (Ok(header), Some(value)) => {
                headers.insert(header, value);
            }
            (Err(why), _) => diagnostics.error(key, why, "remove it"),
            (_, None) => {
                diagnostics.error(key, "contains a character that a header cannot carry", "use visible ASCII")
            }
        }
    }
    headers
}

fn rate_limit(table: RateLimitTable, diagnostics: &mut Diagnostics) -> RateLimit {
    let mut header = |key: &str, name: Option<String>| {
        let name = name?;
        HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| {
                let key = format!("rate_limit.{key}");
                diagnostics.error(
                    key,
                    text!("{} is not a valid header name", quote::string(&name)),
                    "write a header name",
                );
            })
            .ok()
    };
    let retry_after = header("retry_after", table.retry_after).unwrap_or(RETRY_AFTER);
    let remaining = header("remaining", table.remaining);
    let reset = header("reset", table.reset);
    let body = table.body.and_then(|text| compile("rate_limit.body", &text, diagnostics));
    let wait = table.wait.and_then(|text| {
        let result = duration::parse(&text).map_err(|diagnostic| diagnostic.below("rate_limit.wait"));
        diagnostics.take(result)
    });
    RateLimit { retry_after, remaining, reset, body, wait }
}

fn limits(table: &LimitsTable, diagnostics: &mut Diagnostics) -> Limits {
    let mut parsed = |key: &str, text: &Option<String>| {
        let result = size::parse(text.as_deref()?).map_err(|diagnostic| diagnostic.below(key));
        diagnostics.take(result)
    };
    let answer_bytes = parsed("limits.answer", &table.answer).unwrap_or(DEFAULT_BYTES);
    let request_bytes = parsed("limits.request", &table.request).unwrap_or(DEFAULT_BYTES);
    let timeout = table.timeout.as_deref().and_then(|text| {
        let result = timeout(text).map_err(|diagnostic| diagnostic.below("limits.timeout"));
        diagnostics.take(result)
    });
    let in_flight = table.in_flight.unwrap_or(DEFAULT_IN_FLIGHT);
    if in_flight == 0 {
        diagnostics.error("limits.in_flight", "is 0, so that no call could run", "write at least 1");
    }
    let calls = CallLimits {
        in_flight,
        queue: table.queue.unwrap_or(DEFAULT_QUEUE),
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
    };
    let lookups = table.lookups.unwrap_or(DEFAULT_LOOKUPS);
    if !(1..=MAX_LOOKUPS).contains(&lookups) {
        let help = text!("write a number from 1 to {MAX_LOOKUPS}");
        diagnostics.error("limits.lookups", text!("{lookups} is out of range"), help);
    }
    Limits { answer_bytes, request_bytes, calls, lookups }
}

fn timeout(text: &str) -> Result<Duration, Diagnostic> {
    match duration::parse(text)? {
        Duration::ZERO => Err(Diagnostic::error(
            "",
            "is 0, so that no call could succeed",
            text!("write {} above 0", duration::EXPECTED),
        )),
        timeout => Ok(timeout),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(table: Value, credential: Value) -> Result<HttpSettings, Vec<String>> {
        let credential = serde_json::from_value(credential).unwrap();
        HttpSettings::from_table(serde_json::from_value(table).unwrap(), &credential)
            .map_err(|found| found.into_iter().map(|diagnostic| diagnostic.key).collect())
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let settings =
            settings(json!({ "base_url": "https://api.example.com" }), json!({ "kind": "bearer" })).unwrap();
        assert_eq!(settings.limits.answer_bytes, 4 * 1024 * 1024);
        assert_eq!(settings.limits.request_bytes, 4 * 1024 * 1024);
        let calls = CallLimits { in_flight: 256, queue: 256, timeout: Duration::from_secs(30) };
        assert_eq!(settings.call_limits(), calls);
        assert_eq!(settings.lookups(), 2);
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
            "errors": { "message": "][", "details": "a[" },
            "rate_limit": { "reset": "no header", "body": "[", "wait": "soon" },
            "rejected_status": [500],
            "limits": { "answer": "much", "timeout": "0s", "in_flight": 0, "lookups": 65 },
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
                "errors.details",
                "rate_limit.reset",
                "rate_limit.body",
                "rate_limit.wait",
                "rejected_status",
                "limits.answer",
                "limits.timeout",
                "limits.in_flight",
                "limits.lookups",
            ]
        );
    }

    #[test]
    fn a_base_url_has_no_password_query_or_other_scheme() {
        for bad in [
            "ftp://a.example",
            "https://u@a.example",
            "https://u:hunter22@a.example",
            "https://a.example?k=v",
            "https://a.example#x",
            "http://169.254.169.254",
        ] {
            let table = serde_json::from_value(json!({ "base_url": bad })).unwrap();
            let credential = serde_json::from_value(json!({ "kind": "bearer" })).unwrap();
            let found = HttpSettings::from_table(table, &credential).unwrap_err();
            assert_eq!((found.len(), found.to_string().contains("hunter22")), (1, false), "{bad}: {found}");
        }
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
