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
        let select = if full && tool.full { None } else { tool.select.as_ref() };
        let result = match select {
            None => answer.body,
            Some(select) => match select
                .search(&answer.body)
                .and_then(|kept| serde_json::to_value(&*kept).map_err(|_| select_error(select)))
            {
                Ok(kept) => kept,
                Err(error) if !tool.full => {
                    tracing::warn!(tool = tool.name, reason = %error.reason, "select does not match a withheld answer");
                    return Err(CallError::new(
                        Code::UpstreamError,
                        Outcome::after_sending(tool.operation.effects),
                        "The call succeeded, but its answer has an unexpected shape and may contain secrets, so it is withheld.",
                    ));
                }
                Err(error) => {
                    // An answer that the manifest's `select` does not match is still an answer.
                    tracing::warn!(tool = tool.name, reason = %error.reason, "select does not match the answer");
                    answer.body
                }
            },
        };
        let mut value = Map::from_iter([("result".to_owned(), result)]);
        value.extend(answer.next.map(|next| ("next".to_owned(), Value::Object(next))));
        let value = Value::Object(value);
        let Ok(text) = serde_json::to_string(&value) else {
            return Err(CallError::internal(Outcome::after_sending(tool.operation.effects)));
        };
        let answer = Self { value, text };
        if answer.text.len() > MAX_ANSWER_BYTES {
            let less = if full && tool.select.is_some() { "omit `full`, or " } else { "" };
            return Err(CallError::new(
                Code::AnswerTooLarge,
                Outcome::after_sending(tool.operation.effects),
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

fn select_error(select: &jmespath::Expression<'_>) -> jmespath::JmespathError {
    let reason = jmespath::ErrorReason::Parse("the selected value is not JSON".into());
    jmespath::JmespathError::new(select.as_str(), 0, reason)
}
