//! What the model gets of an answer: selected, bounded, serialised once.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::{CallError, Code, Outcome};
use crate::connectors::Answer;
use crate::connectors::search::{SearchError, search};
use crate::manifest::Tool;

/// The largest answer that reaches a model, in bytes of JSON: about 25,000 tokens, which common hosts still pass on
/// whole.
pub const MAX_ANSWER_BYTES: usize = 100 * 1024;

/// The answer of a call.
#[derive(Debug, Clone)]
pub struct CallAnswer {
    value: Value,
    text: String,
}

impl CallAnswer {
    /// Keeps what `tool` selects of `answer`, or all of it with `full`.
    ///
    /// # Errors
    ///
    /// `answer_too_large`, and `upstream_error` if the manifest's `select` does not match an answer that may hold
    /// secrets. The call itself succeeded, so the outcome says that a write may have happened.
    pub(super) fn new(answer: Answer, tool: &Tool, full: bool) -> Result<Self, CallError> {
        let outcome = Outcome::after_sending(tool.operation.effects);
        // The memory first, so that it is given back last.
        let Answer { memory: _memory, body, next, search_bytes, .. } = answer;
        let next = next.filter(|next| tool.check(next).is_ok()).map(Value::Object);
        let select = tool.select.as_ref().filter(|_| !(full && tool.full));
        let result = match select.map(|select| search(select, &body, search_bytes)) {
            None => None,
            Some(Ok(found)) => {
                check_size(&found, next.as_ref(), tool, full)?;
                Some(found.to_value())
            }
            Some(Err(SearchError::TooLarge)) => {
                return Err(CallError::new(
                    Code::AnswerTooLarge,
                    outcome,
                    "The call succeeded, but to select from its answer takes too much memory. To get less, use the \
                     tool's arguments that filter, or that set the page and its size.",
                ));
            }
            Some(Err(error)) => {
                let withheld = !tool.full;
                tracing::warn!(tool = tool.name, reason = %error, withheld, "select does not match the answer");
                if withheld {
                    return Err(withheld_answer(outcome));
                }
                None
            }
        };
        let result = match result {
            Some(selected) => selected,
            None => {
                check_size(&body, next.as_ref(), tool, full)?;
                body
            }
        };
        let mut value = Map::from_iter([("result".to_owned(), result)]);
        value.extend(next.map(|next| ("next".to_owned(), next)));
        let value = Value::Object(value);
        let Ok(text) = serde_json::to_string(&value) else {
            return Err(CallError::internal(outcome));
        };
        Ok(Self { value, text })
    }

    /// `{"result": …, "next": …}`: what the service answered and, if there is more, the arguments that fetch the next
    /// page.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value as compact JSON.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value and its text, without a copy.
    pub fn into_parts(self) -> (Value, String) {
        (self.value, self.text)
    }
}

/// Checks that an answer with this result is small enough, before any of it is copied or written.
///
/// # Errors
///
/// `answer_too_large`.
fn check_size(
    result: &impl Serialize,
    next: Option<&Value>,
    tool: &Tool,
    full: bool,
) -> Result<(), CallError> {
    #[derive(Serialize)]
    struct Parts<'a, T> {
        result: &'a T,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a Value>,
    }
    let outcome = Outcome::after_sending(tool.operation.effects);
    let mut size = Counter(0);
    if serde_json::to_writer(&mut size, &Parts { result, next }).is_err() {
        return Err(CallError::internal(outcome));
    }
    let Counter(bytes) = size;
    if bytes <= MAX_ANSWER_BYTES {
        return Ok(());
    }
    let less = if full && tool.select.is_some() { "omit `full`, or " } else { "" };
    Err(CallError::new(
        Code::AnswerTooLarge,
        outcome,
        format!(
            "The call succeeded, but its answer has {} KiB, and at most {} KiB may reach you. To get less, {less}use \
             the tool's arguments that filter, or that set the page and its size.",
            bytes.div_ceil(1024),
            MAX_ANSWER_BYTES / 1024,
        ),
    ))
}

fn withheld_answer(outcome: Outcome) -> CallError {
    CallError::new(
        Code::UpstreamError,
        outcome,
        "The call succeeded, but its answer has an unexpected shape and may contain secrets, so it is withheld. Tell \
         the user that the tool's `select` does not match it.",
    )
}

/// Counts what is written to it.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
