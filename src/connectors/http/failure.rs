//! Why there is no answer, and whether a write may have happened all the same.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::address::RefusedAddress;
use super::units::show_size;
use crate::connectors::Scrubber;
use crate::registry::{Effects, SideEffect};

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

impl Outcome {
    /// What is known once a request is on its way and no refusal came back.
    pub(crate) fn after_sending(effects: Effects) -> Self {
        match effects.side_effect {
            SideEffect::None => Self::Rejected,
            SideEffect::Write | SideEffect::Destructive => Self::Unknown,
        }
    }
}

/// Why there is no answer. Messages are scrubbed and fit for a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// The service does not take the credential (401, or what the manifest names).
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
        /// Which one, and why; never its value.
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
    /// The service limits our rate. It refused; nothing happened.
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

impl CallFailure {
    /// The service cannot be called at all.
    pub(super) fn unreachable(message: String) -> Self {
        Self::Unreachable { message, outcome: Outcome::NotSent }
    }

    /// The request or its answer broke on the way.
    ///
    /// The text of the deepest cause is shown: it comes from the transport and never holds an address's query.
    pub(super) fn broken(title: &str, error: &reqwest::Error, effects: Effects) -> Self {
        let mut cause: &(dyn Error + 'static) = error;
        while let Some(deeper) = cause.source() {
            if let Some(refused) = deeper.downcast_ref::<RefusedAddress>() {
                return Self::unreachable(refused.to_string());
            }
            cause = deeper;
        }
        let why = match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => "it refused the connection".into(),
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
                "it closed the connection".into()
            }
            Some(io::ErrorKind::TimedOut) => "it did not take the connection in time".into(),
            // reqwest's own text would name the whole URL.
            _ if cause.is::<reqwest::Error>() => "the connection failed".into(),
            _ => cause.to_string(),
        };
        if error.is_connect() {
            Self::unreachable(format!("{title} cannot be reached: {why}"))
        } else {
            let outcome = Outcome::after_sending(effects);
            Self::Unreachable { message: format!("the connection to {title} broke: {why}"), outcome }
        }
    }

    /// The deadline passed before the answer was there.
    pub(super) fn late(title: &str, outcome: Outcome) -> Self {
        let message = match outcome {
            Outcome::NotSent => format!("there was no time left to ask {title}"),
            Outcome::Rejected | Outcome::Unknown => format!("{title} did not answer in time"),
        };
        Self::Timeout { message, outcome }
    }

    /// The answer is larger than `limit`.
    pub(super) fn too_large(title: &str, limit: u64, effects: Effects) -> Self {
        let size = show_size(limit);
        Self::TooLarge {
            message: format!(
                "the answer of {title} is larger than {size}; ask for less: fewer items a page, a narrower query"
            ),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The answer came, and could not be worked on.
    pub(super) fn unread(title: &str, effects: Effects) -> Self {
        Self::Unreachable {
            message: format!("the answer of {title} came, and could not be read"),
            outcome: Outcome::after_sending(effects),
        }
    }

    /// The same failure without credentials in its message.
    pub(super) fn scrubbed(mut self, scrubber: &Scrubber) -> Self {
        let message = match &mut self {
            Self::CredentialRejected { message }
            | Self::CredentialUnusable { message }
            | Self::InvalidArguments { message }
            | Self::Upstream { message, .. }
            | Self::RateLimited { message, .. }
            | Self::Unreachable { message, .. }
            | Self::Timeout { message, .. }
            | Self::TooLarge { message, .. } => message,
        };
        *message = scrubber.text(message).into_owned();
        self
    }
}
