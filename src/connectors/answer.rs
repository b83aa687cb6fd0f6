//! What a service answered to a call.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::memory_budget::Reservation;

/// What a service answered, without credentials, before the tool's `select`.
#[derive(Debug)]
pub struct Answer {
    /// The body: JSON if the service sent JSON, a string if it sent text. An empty body is `{"status": 204}`, and a
    /// binary one is a note of its type and size, or contains its bytes in Base64 if the tool returns the user's content.
    pub body: Value,
    /// What the service sent.
    pub content: Content,
    /// The arguments that fetch the next page, if there is one: those of this call with the changed ones replaced.
    pub next: Option<Map<String, Value>>,
    /// The size of the body. The [`WorkerPool`](super::WorkerPool) decides by it where the answer is processed.
    pub bytes: usize,
    /// The memory that a search of the body may use, in bytes. It is part of `memory`.
    pub(crate) search_bytes: u64,
    /// The memory of the body. Given back with the answer.
    pub(crate) memory: Reservation<Arc<str>>,
}

/// What a service sent as its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// JSON.
    Json,
    /// JSON with strings that no parser reads, which were repaired.
    RepairedJson,
    /// What it declared as JSON, and is not.
    InvalidJson,
    /// Text.
    Text,
    /// Text with characters that could not be decoded.
    DamagedText,
    /// Neither text nor JSON.
    Binary,
    /// Nothing but a status.
    Empty,
}

impl Content {
    /// Whether it is JSON, from which a part can be selected.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::RepairedJson)
    }

    /// What a model has to know of such an answer. `selected` says whether a part of it should have been selected.
    pub(crate) fn note(self, selected: bool) -> Option<&'static str> {
        match self {
            Self::RepairedJson => Some(
                "strings of the answer are not valid JSON; characters that could not be read are replaced by U+FFFD",
            ),
            Self::InvalidJson => Some("the service declared its answer as JSON, and it is not valid JSON"),
            Self::DamagedText => {
                Some("characters of the answer could not be decoded, and are replaced by U+FFFD")
            }
            Self::Text if selected => {
                Some("the service returned text instead of JSON; `result` is that text")
            }
            Self::Binary if selected => Some("the service returned neither JSON nor text"),
            Self::Empty if selected => Some("the service returned no content; `result` has its status"),
            Self::Json | Self::Text | Self::Binary | Self::Empty => None,
        }
    }
}
