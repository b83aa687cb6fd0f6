//! The `[http]` table of a manifest: as it is written, and checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::finding::Finding;
use super::page::PageTable;
use crate::broker::CredentialSpec;

/// The `[http]` table of a manifest, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTable {
    /// Where the service is, with the part of the path that all its tools share: `https://api.github.com`.
    pub base_url: String,
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
    /// How long the whole answer may take, below the caller's own deadline. `"30s"` where absent; zero is refused.
    pub timeout: Option<String>,
}

/// The `[http]` table of a manifest, checked.
#[derive(Debug)]
pub struct HttpSettings {
    base_url: Url,
}

impl HttpSettings {
    /// Checks a manifest's `[http]` table, and that `credential` can go onto its requests.
    ///
    /// # Errors
    ///
    /// Everything that is wrong at once; keys are those inside the `[http]` table, or start with `credential.`.
    pub fn from_table(table: HttpTable, credential: &CredentialSpec) -> Result<Self, Vec<Finding>> {
        todo!()
    }

    /// Where the service is, for accounts that say nothing else.
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }
}
