//! Why a call has no answer.

use std::time::Duration;

use super::effects::Effects;
use super::outcome::Outcome;
use super::scrub::Scrubber;

/// Why a call has no answer.
///
/// Messages are meant for a model: they hold no credential, vault, path or address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// The service rejects the credential (401, or the statuses that the manifest names).
    #[error("{message}")]
    CredentialRejected {
        /// What the service said.
        message: String,
    },
    /// The vault's credential cannot be put on a request: a field is missing, or holds what a header cannot carry.
    /// Nothing was sent; the model gets `credential_missing`.
    #[error("{message}")]
    CredentialUnusable {
        /// Which field, and why; never its value.
        message: String,
    },
    /// An argument cannot be put into the request. Nothing was sent.
    #[error("{message}")]
    InvalidArguments {
        /// Which argument, and why; never its value.
        message: String,
    },
    /// The service answered with an error.
    #[error("{message}")]
    Upstream {
        /// The HTTP status.
        status: u16,
        /// What the service said.
        message: String,
        /// Whether a write may have happened.
        outcome: Outcome,
    },
    /// The service limits the rate of calls. It refused this one, so nothing changed.
    #[error("{message}")]
    RateLimited {
        /// What the service said.
        message: String,
        /// How long to wait before the next call.
        retry_after: Option<Duration>,
    },
    /// The service cannot be reached, or the connection failed.
    #[error("{message}")]
    Unreachable {
        /// What happened.
        message: String,
        /// Whether a write may have happened.
        outcome: Outcome,
    },
    /// The service did not answer before the deadline.
    #[error("{message}")]
    Timeout {
        /// What did not happen in time.
        message: String,
        /// Whether a write may have happened.
        outcome: Outcome,
    },
    /// The answer arrived, but the memory for answers is used up.
    #[error("{message}")]
    NoMemory {
        /// Which memory, and when to try again.
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

impl CallFailure {
    /// The service cannot be called; nothing was sent.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::Unreachable { message: message.into(), outcome: Outcome::NotSent }
    }

    /// The deadline passed before the answer was complete.
    pub(crate) fn timeout(title: &str, outcome: Outcome) -> Self {
        let message = match outcome {
            Outcome::NotSent => format!("{title} was not called: no time was left for this call; try again"),
            Outcome::Rejected | Outcome::Unknown => format!("{title} did not answer in time"),
        };
        Self::Timeout { message, outcome }
    }

    /// The answer is larger than `limit`, a size for people.
    pub(crate) fn too_large(title: &str, limit: &str, effects: Effects) -> Self {
        Self::TooLarge {
            message: format!(
                "the answer of {title} is larger than {limit}; ask for less: fewer items a page, a narrower query"
            ),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The answer takes more memory once decoded than `limit`, a size for people.
    pub(crate) fn too_large_decoded(title: &str, limit: &str, effects: Effects) -> Self {
        Self::too_large(title, &format!("{limit} once decoded"), effects)
    }

    /// The answer arrived, but the memory for answers is used up.
    pub(crate) fn no_memory(title: &str, effects: Effects) -> Self {
        Self::NoMemory {
            message: format!(
                "{title} answered, but this server's memory for answers (`memory_budget`) is in use by other calls"
            ),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The answer is a page for a browser.
    pub(crate) fn page(title: &str, status: u16, effects: Effects) -> Self {
        Self::Upstream {
            status,
            message: format!(
                "{title} answered {status} with an HTML page instead of JSON, such as a login page or one of a proxy; tell \
                 the user to check the module's `base_url` and the service"
            ),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The answer has a content coding that cannot be read.
    pub(crate) fn unreadable(title: &str, status: u16, coding: &str, effects: Effects) -> Self {
        Self::Upstream {
            status,
            message: format!(
                "{title} answered {status} in the content coding `{coding}`, which was not asked for and cannot be read"
            ),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The answer ended early.
    pub(crate) fn incomplete(title: &str, what: &str, effects: Effects) -> Self {
        Self::Unreachable {
            message: format!("the answer of {title} is incomplete: {what}"),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The answer arrived, but processing it failed.
    pub(crate) fn unprocessed(title: &str, effects: Effects) -> Self {
        Self::Unreachable {
            message: format!(
                "the answer of {title} arrived, but could not be processed; the server's log says why"
            ),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The same failure without credentials in its message.
    pub(crate) fn scrubbed(mut self, scrubber: &Scrubber) -> Self {
        let message = match &mut self {
            Self::CredentialRejected { message }
            | Self::CredentialUnusable { message }
            | Self::InvalidArguments { message }
            | Self::Upstream { message, .. }
            | Self::RateLimited { message, .. }
            | Self::Unreachable { message, .. }
            | Self::Timeout { message, .. }
            | Self::NoMemory { message, .. }
            | Self::TooLarge { message, .. } => message,
        };
        *message = scrubber.text(message).into_owned();
        self
    }
}
