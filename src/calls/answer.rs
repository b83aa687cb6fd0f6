//! What the model gets of an answer: selected, bounded, serialised once.

use serde_json::{Map, Value};

use super::error::{CallError, Code, Outcome};
use crate::connectors::Answer;
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
        let Some(result) = selected(answer.body, tool, full) else {
            return Err(CallError::new(
                Code::UpstreamError,
                outcome,
                "The call succeeded, but its answer has an unexpected shape and may contain secrets, so it is \
                 withheld. Tell the user that the tool's `select` does not match it.",
            ));
        };
        let mut value = Map::from_iter([("result".to_owned(), result)]);
        value.extend(answer.next.map(|next| ("next".to_owned(), Value::Object(next))));
        let value = Value::Object(value);
        let Ok(text) = serde_json::to_string(&value) else {
            return Err(CallError::internal(outcome));
        };
        let answer = Self { value, text };
        if answer.text.len() > MAX_ANSWER_BYTES {
            let less = if full && tool.select.is_some() { "omit `full`, or " } else { "" };
            return Err(CallError::new(
                Code::AnswerTooLarge,
                outcome,
                format!(
                    "The call succeeded, but its answer has {} KiB, and at most {} KiB may reach you. To get less, \
                     {less}use the tool's arguments that filter, or that set the page and its size.",
                    answer.text.len().div_ceil(1024),
                    MAX_ANSWER_BYTES / 1024,
                ),
            ));
        }
        Ok(answer)
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

/// What `tool` selects of `body`, or all of it with `full`. Returns `None` if `select` does not match a body that may
/// hold secrets.
fn selected(body: Value, tool: &Tool, full: bool) -> Option<Value> {
    let Some(select) = tool.select.as_ref().filter(|_| !(full && tool.full)) else { return Some(body) };
    let kept =
        select.search(&body).and_then(|kept| serde_json::to_value(&*kept).map_err(|_| select_error(select)));
    match kept {
        Ok(kept) => Some(kept),
        Err(error) => {
            let withheld = !tool.full;
            tracing::warn!(tool = tool.name, reason = %error.reason, withheld, "select does not match the answer");
            (!withheld).then_some(body)
        }
    }
}

fn select_error(select: &jmespath::Expression<'_>) -> jmespath::JmespathError {
    let reason = jmespath::ErrorReason::Parse("the selected value is not JSON".into());
    jmespath::JmespathError::new(select.as_str(), 0, reason)
}
