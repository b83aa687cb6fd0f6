//! What the model gets of an answer: selected, bounded, serialised once.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::{CallError, Code, Outcome};
use crate::connectors::search::{SearchError, select};
use crate::connectors::{Answer, Content};
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
    /// Keeps what `tool` selects of `answer`, or all of it with `full`, and if it is not what the tool selects from.
    ///
    /// # Errors
    ///
    /// `answer_too_large`, and `upstream_error` if the manifest's `select` does not match an answer that may hold
    /// secrets. The call itself succeeded, so the outcome says that a write may have happened.
    pub(super) fn new(answer: Answer, tool: &Tool, full: bool) -> Result<Self, CallError> {
        let outcome = Outcome::after_sending(tool.operation.effects);
        // The memory first, so that it is given back last.
        let Answer { memory: _memory, body, content, next, search_bytes, .. } = answer;
        // A service may point to a page that the tool does not accept, such as page 0.
        let next = next.filter(|next| tool.check(next).is_ok()).map(Value::Object);
        let expression = tool.select.as_ref().filter(|_| !(full && tool.full));
        let mut note = content.note(expression.is_some());
        let selected = match expression {
            Some(expression) if content.is_json() => match select(expression, &body, search_bytes) {
                Ok(found) => {
                    let text = serialize(&Parts { result: &found, next: next.as_ref(), note }, tool, full)?;
                    Some((found.to_value(), text))
                }
                Err(SearchError::TooLarge) => {
                    return Err(CallError::new(
                        Code::AnswerTooLarge,
                        outcome,
                        "The call succeeded, but to select from its answer takes too much memory. To get less, use \
                             the tool's arguments that filter, or that set the page and its size.",
                    ));
                }
                Err(error) => {
                    tracing::warn!(tool = tool.name, reason = %error, "select does not match the answer");
                    note = Some(OTHER_SHAPE);
                    None
                }
            },
            _ => None,
        };
        let (result, text) = match selected {
            Some(selected) => selected,
            // A status holds no secrets.
            None if !tool.full && content != Content::Empty => return Err(withheld_answer(outcome)),
            None => {
                let text = serialize(&Parts { result: &body, next: next.as_ref(), note }, tool, full)?;
                (body, text)
            }
        };
        let mut value = Map::from_iter([("result".to_owned(), result)]);
        value.extend(next.map(|next| ("next".to_owned(), next)));
        value.extend(note.map(|note| ("note".to_owned(), note.into())));
        Ok(Self { value: Value::Object(value), text })
    }

    /// `{"result": …, "next": …, "note": …}`: what the service answered; if there is more, the arguments that fetch the
    /// next page; and if the answer is not what was expected, why.
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

/// The note of an answer that has nothing of what the tool selects.
const OTHER_SHAPE: &str =
    "the answer has none of the fields that this tool selects; `result` is the whole of it";

/// What is serialised.
#[derive(Serialize)]
struct Parts<'a, T> {
    result: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// Returns the text of an answer, of which no more is written than may reach a model.
///
/// # Errors
///
/// `answer_too_large`.
fn serialize(parts: &Parts<'_, impl Serialize>, tool: &Tool, full: bool) -> Result<String, CallError> {
    let outcome = Outcome::after_sending(tool.operation.effects);
    let mut answer = BoundedText::default();
    if serde_json::to_writer(&mut answer, parts).is_err() {
        return Err(CallError::internal(outcome));
    }
    let BoundedText { text, bytes } = answer;
    if bytes <= MAX_ANSWER_BYTES {
        return String::from_utf8(text).map_err(|_| CallError::internal(outcome));
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

/// Keeps what is written to it up to [`MAX_ANSWER_BYTES`], and counts the rest.
#[derive(Default)]
struct BoundedText {
    text: Vec<u8>,
    bytes: usize,
}

impl io::Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        if self.bytes <= MAX_ANSWER_BYTES {
            self.text.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
