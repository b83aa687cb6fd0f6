//! From an answer or an error of ours to a tool result.
//!
//! `structuredContent` is for hosts and programs; `content` holds the same as text, as the specification asks, since
//! some hosts show their model only the one and some only the other. Both are compact: a host that passes on both
//! pays twice, and what it pays for is bounded ([`crate::calls::MAX_ANSWER_BYTES`]).

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::calls::{CallAnswer, CallError};

/// The result of a call that was answered.
pub(super) fn answered(answer: CallAnswer) -> CallToolResult {
    let (value, text) = answer.into_parts();
    succeeded(value, text)
}

/// A result of both: the value for programs, and its text for the model.
pub(super) fn succeeded(value: Value, text: String) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(value);
    result
}

/// The result of a call that failed. The text has all that a model needs to do better, the schema included.
pub(super) fn failed(error: &CallError) -> CallToolResult {
    let mut text = error.to_string();
    if let Some(schema) = error.schema.as_ref().and_then(|schema| serde_json::to_string(schema).ok()) {
        text.push_str("\ninput_schema: ");
        text.push_str(&schema);
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = Some(json!({ "error": error }));
    result
}
