//! Converts answers and errors to tool results.
//!
//! `structuredContent` is for hosts and programs. `content` holds the same as text, as the specification requires: some hosts
//! pass only one of them to the model. A host that passes both doubles the tokens, so both are compact and bounded
//! ([`crate::calls::MAX_ANSWER_BYTES`]).

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::calls::{CallAnswer, CallError};

/// Creates the result of a successful call.
pub(super) fn from_answer(answer: CallAnswer) -> CallToolResult {
    let (value, text) = answer.into_parts();
    success(value, text)
}

/// Creates a successful result from a value for programs and its text for the model.
pub(super) fn success(value: Value, text: String) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(value);
    result
}

/// Creates the result of a failed call. The text has everything that a model needs to correct the call, including the schema.
pub(super) fn from_error(error: &CallError) -> CallToolResult {
    let mut text = error.to_string();
    if let Some(schema) = error.schema.as_ref().and_then(|schema| serde_json::to_string(schema).ok()) {
        text.push_str("\ninput_schema: ");
        text.push_str(&schema);
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = Some(json!({ "error": error }));
    result
}
