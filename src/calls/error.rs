//! Why a call has no answer, in words for a model and codes for a program.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::suggestions::bounded;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use crate::connectors::Outcome;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// Why a call has no answer. The string of a code is part of the interface and never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as the model and the metrics see it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The caller has no such module.
    UnknownModule = "unknown_module",
    /// The module has no such tool for this caller.
    UnknownTool = "unknown_tool",
    /// The module has no such account.
    UnknownAccount = "unknown_account",
    /// A write, several accounts, and none named.
    AccountRequired = "account_required",
    /// The arguments do not match the tool's schema, which the error contains.
    InvalidArguments = "invalid_arguments",
    /// The account has no usable credential.
    CredentialMissing = "credential_missing",
    /// The service rejects the account's credential.
    CredentialRejected = "credential_rejected",
    /// The user has not connected the account yet.
    ConnectionRequired = "connection_required",
    /// The user has not agreed yet.
    ConsentRequired = "consent_required",
    /// The module's vault is unreachable, or its queue is full.
    ModuleUnavailable = "module_unavailable",
    /// The service answered with an error.
    UpstreamError = "upstream_error",
    /// No connection to the service.
    UpstreamUnreachable = "upstream_unreachable",
    /// No answer in time.
    UpstreamTimeout = "upstream_timeout",
    /// The answer is larger than what may reach the model.
    AnswerTooLarge = "answer_too_large",
    /// Too many calls: the service's limit, or ours.
    RateLimited = "rate_limited",
    /// The caller may not do this.
    Denied = "denied",
    /// The client cancelled the call, or the server is stopping.
    Cancelled = "cancelled",
    /// A fault of this program.
    Internal = "internal",
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a call has no answer. Meant for a model: it names no vault, path, address or credential.
///
/// Serialises to the value of `error` in `structuredContent`.
#[derive(Debug, Clone, Serialize, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct CallError {
    /// Which kind of failure.
    pub code: Code,
    /// What happened, and what to do next.
    pub message: String,
    /// The module as the caller named it; empty if it named none.
    pub module: String,
    /// The tool as the caller named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Whether a write may have happened.
    pub outcome: Outcome,
    /// After how many seconds a retry may succeed, rounded up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// The schema of the arguments, with `invalid_arguments`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<Map<String, Value>>>,
}

/// A pause in whole seconds, rounded up.
pub(super) fn seconds(pause: Duration) -> u64 {
    pause.as_secs() + u64::from(pause.subsec_nanos() > 0)
}

impl CallError {
    /// An error that does not name its call yet.
    pub(crate) fn new(code: Code, outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            module: String::new(),
            tool: None,
            outcome,
            retry_after_seconds: None,
            schema: None,
        }
    }

    /// A failure before anything was sent to the service.
    pub(crate) fn not_sent(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Outcome::NotSent, message)
    }

    /// A fault of this program, whose details are in the operator's log only.
    pub(crate) fn internal(outcome: Outcome) -> Self {
        let message = "Cofferdam itself failed, for a reason that is in its log. Tell the user to check it.";
        Self::new(Code::Internal, outcome, message)
    }

    /// The same error with the pause after which a retry may succeed.
    #[must_use]
    pub(crate) fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after_seconds = pause.map(seconds);
        self
    }

    /// The same error. Its message warns the model if a write may have happened.
    #[must_use]
    pub(crate) fn warn_if_unknown(mut self) -> Self {
        if self.outcome == Outcome::Unknown {
            let end = if self.message.ends_with('.') { "" } else { "." };
            self.message.push_str(end);
            self.message.push_str(" The write may have succeeded. Check before retrying.");
        }
        self
    }

    /// The same error with a further sentence.
    #[must_use]
    pub(super) fn and_also(mut self, sentence: &str) -> Self {
        self.message.push(' ');
        self.message.push_str(sentence);
        self
    }

    /// The same error with the schema that the arguments must match.
    #[must_use]
    pub(crate) fn with_schema(mut self, schema: &Arc<Map<String, Value>>) -> Self {
        self.schema = Some(schema.clone());
        self
    }

    /// The same error about this call.
    #[must_use]
    pub(crate) fn about(mut self, module: &str, tool: Option<&str>) -> Self {
        self.module = bounded(module);
        self.tool = tool.map(bounded);
        self
    }
}
