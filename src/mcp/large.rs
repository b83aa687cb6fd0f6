//! Large requests: which ones are, how much memory they take, and what is said when there is not enough.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::Refused;
use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::calls::{CallError, Code};
use crate::json_meter::DecodedSize;
use crate::memory_budget::{RETRY_AFTER, Reservation};

/// The maximum number of values in a request: objects, arrays and scalars. No known client sends as many.
pub(crate) const MAX_REQUEST_NODES: u64 = 50_000;

/// The size of a request that is large, in bytes. A smaller one is large if it takes more than four times as much once
/// decoded.
pub(crate) const LARGE_BYTES: usize = 64 * 1024;
const LARGE_DECODED_BYTES: u64 = 4 * LARGE_BYTES as u64;

/// The number of values in arguments that are large. Validating fewer takes less than a millisecond.
const LARGE_NODES: usize = 2_000;

/// The memory that a large request takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestMemory {
    /// While it is parsed, in addition: the parser of rmcp keeps the message in a form of its own meanwhile.
    pub(crate) parsing: u64,
    /// While it runs: its arguments, and the request to the service that is made of them.
    pub(crate) running: u64,
}

impl RequestMemory {
    /// Returns the memory of a request with this size and length, or `None` if it is not large.
    pub(crate) fn of(length: usize, size: DecodedSize) -> Option<Self> {
        (length > LARGE_BYTES || size.bytes > LARGE_DECODED_BYTES).then(|| Self {
            parsing: size.bytes + size.bytes / 2 + size.buffer + length as u64,
            running: size.bytes + length as u64,
        })
    }
}

/// The memory of a large request in its caller's name, until that of the module that it calls is taken. Clones share it.
///
/// It travels in the extensions of the request.
#[derive(Debug, Clone)]
pub(crate) struct RequestReservation {
    needed: RequestMemory,
    held: Arc<Mutex<Option<Reservation<Caller>>>>,
}

impl RequestReservation {
    /// `held` is all the memory that is `needed`.
    pub(crate) fn new(needed: RequestMemory, held: Reservation<Caller>) -> Self {
        Self { needed, held: Arc::new(Mutex::new(Some(held))) }
    }

    /// Gives back what only the parser needs.
    pub(crate) fn parsed(&self) {
        if let Some(held) = &mut *self.lock() {
            held.shrink(self.needed.parsing);
        }
    }

    /// The memory that the request takes while it runs, in bytes.
    pub(super) fn running(&self) -> u64 {
        self.needed.running
    }

    /// Gives everything back.
    pub(super) fn release(&self) {
        let held = self.lock().take();
        drop(held);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reservation<Caller>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether validating `arguments`, or making a request of them, takes long.
pub(super) fn are_large(arguments: &Map<String, Value>) -> bool {
    let (mut nodes, mut bytes) = (LARGE_NODES, LARGE_BYTES);
    !arguments.values().all(|value| fits(value, &mut nodes, &mut bytes))
}

/// Takes `value` from what is left. Stops when nothing is.
fn fits(value: &Value, nodes: &mut usize, bytes: &mut usize) -> bool {
    let Some(left) = nodes.checked_sub(1) else { return false };
    *nodes = left;
    match value {
        Value::String(text) => take(bytes, text),
        Value::Number(number) => take(bytes, number.as_str()),
        Value::Array(items) => items.iter().all(|item| fits(item, nodes, bytes)),
        Value::Object(entries) => entries.values().all(|value| fits(value, nodes, bytes)),
        Value::Null | Value::Bool(_) => true,
    }
}

fn take(bytes: &mut usize, text: &str) -> bool {
    bytes.checked_sub(text.len()).map(|left| *bytes = left).is_some()
}

/// The error for a call with too many values.
pub(super) fn too_many_values() -> CallError {
    let message = format!("`arguments` has more than {MAX_REQUEST_NODES} values. Send less.");
    CallError::not_sent(Code::InvalidArguments, message)
}

/// The error for a call whose arguments find no memory.
pub(super) fn no_memory(module: &str, refused: Refused) -> CallError {
    let message = match refused {
        Refused::OwnShare => format!(
            "Other calls of module `{module}` hold its share of this server's memory for large arguments \
             (`memory_budget`). Try again in {} s, or send less. Other modules are unaffected.",
            RETRY_AFTER.as_secs()
        ),
        Refused::Exhausted => format!(
            "This server's memory for large arguments (`memory_budget`) is in use by other calls. Try again in {} s, or \
             send less.",
            RETRY_AFTER.as_secs()
        ),
    };
    CallError::not_sent(Code::RateLimited, message).retry_after(Some(RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json_meter::measure;

    fn is_large(text: &str) -> bool {
        RequestMemory::of(text.len(), measure(text.as_bytes())).is_some()
    }

    #[test]
    fn a_request_is_large_by_its_length_or_by_what_it_becomes() {
        assert!(!is_large(&format!("[\"{}\"]", "x".repeat(LARGE_BYTES - 4))));
        assert!(is_large(&format!("[\"{}\"]", "x".repeat(LARGE_BYTES))));
        assert!(is_large(&format!("[{}0]", "{\"\":0},".repeat(1000))));
    }

    #[test]
    fn arguments_are_large_by_their_values_or_their_strings() {
        let arguments = |value: Value| Map::from_iter([("a".to_owned(), value)]);
        assert!(!are_large(&arguments(json!(vec!["x"; 100]))));
        assert!(are_large(&arguments(json!(vec![0; LARGE_NODES]))));
        assert!(are_large(&arguments(json!({ "b": "x".repeat(LARGE_BYTES + 1) }))));
    }
}
