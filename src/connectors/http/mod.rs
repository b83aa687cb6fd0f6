//! The `http` connector: a tool call becomes one HTTP request, and its answer something a model can act on.

mod finding;
mod page;
mod request;
mod settings;

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

pub use finding::Finding;
pub use page::PageTable;
pub use request::{BodyFormat, DeclaredArgument, RequestTable, RequestTemplate};
pub use settings::{Arrays, ErrorsTable, HttpSettings, HttpTable, LimitsTable, RateLimitTable};

use crate::broker::Credential;
use crate::registry::{Account, Module, Tool};

/// The connector: one pooled client for every module that speaks HTTP.
#[derive(Debug)]
pub struct HttpConnector {}

impl Default for HttpConnector {
    fn default() -> Self {
        Self::new()
    }
}

/// One call of one tool.
#[derive(Debug)]
pub struct ToolCall<'a> {
    /// The module.
    pub module: &'a Module,
    /// The tool.
    pub tool: &'a Tool,
    /// The account whose credential and address are used.
    pub account: &'a Account,
    /// The arguments; they have passed the tool's schema.
    pub arguments: &'a serde_json::Map<String, Value>,
    /// Until when the whole answer must be there.
    pub deadline: Instant,
}

/// What a service answered, scrubbed, before `select`.
#[derive(Debug)]
pub struct Answer {
    /// The body: JSON where it was JSON, else a text.
    pub body: Value,
    /// The arguments that fetch the next page, where there is one.
    pub next: Option<serde_json::Map<String, Value>>,
}

/// Whether a write may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing reached the service.
    NotSent,
    /// Nothing happened: the service refused, or the tool only reads.
    Rejected,
    /// It may have happened.
    Unknown,
}

/// Why there is no answer. Messages are scrubbed and fit for a model.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// The service does not take the credential (401).
    #[error("{message}")]
    CredentialRejected {
        /// What the service said.
        message: String,
    },
    /// The vault's credential cannot be put on a request: a field is missing, or holds what a header cannot carry.
    /// Nothing was sent; the model gets `credential_missing`.
    #[error("{message}")]
    CredentialUnusable {
        /// Which field, and why; never its text.
        message: String,
    },
    /// An argument cannot be put where it belongs. Nothing was sent.
    #[error("{message}")]
    InvalidArguments {
        /// Which one, and why.
        message: String,
    },
    /// The service answered with an error.
    #[error("{message}")]
    Upstream {
        /// The status.
        status: u16,
        /// What the service said.
        message: String,
        /// Whether a write may have happened.
        outcome: Outcome,
    },
    /// The service limits our rate.
    #[error("{message}")]
    RateLimited {
        /// What the service said.
        message: String,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// No connection, or it broke.
    #[error("{message}")]
    Unreachable {
        /// What happened, without the address's query.
        message: String,
        /// Whether a write may have happened.
        outcome: Outcome,
    },
    /// No answer within the deadline.
    #[error("{message}")]
    Timeout {
        /// What was waited for.
        message: String,
        /// Whether a write may have happened.
        outcome: Outcome,
    },
    /// The answer is larger than the limit.
    #[error("{message}")]
    TooLarge {
        /// The limit, and how to ask for less.
        message: String,
        /// Whether a write may have happened.
        outcome: Outcome,
    },
}

impl HttpConnector {
    /// A connector without connections; touches nothing.
    pub fn new() -> Self {
        Self {}
    }

    /// Sends one request with `credential` on it and answers what the service said.
    ///
    /// Dropping the future ends the request.
    ///
    /// # Errors
    ///
    /// See [`CallFailure`].
    pub async fn call(&self, call: &ToolCall<'_>, credential: &Credential) -> Result<Answer, CallFailure> {
        todo!()
    }
}
