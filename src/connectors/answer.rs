//! What a service answered to a call.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::memory_budget::Reservation;

/// What a service answered, without credentials, before the tool's `select`.
#[derive(Debug)]
pub struct Answer {
    /// The body: JSON if the service sent JSON, a string if it sent text. An empty body is `{"status": 204}`, and a
    /// binary one is a note of its type and size.
    pub body: Value,
    /// The arguments that fetch the next page, if there is one: those of this call with the changed ones replaced.
    pub next: Option<Map<String, Value>>,
    /// The size of the body. The [`WorkerPool`](super::WorkerPool) decides by it where the answer is processed.
    pub bytes: usize,
    /// The memory that a search of the body may use, in bytes. It is part of `memory`.
    pub(crate) search_bytes: u64,
    /// The memory of the body. Given back with the answer.
    pub(crate) memory: Reservation<Arc<str>>,
}
