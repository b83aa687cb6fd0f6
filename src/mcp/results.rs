//! Converts answers and errors to tool results.
//!
//! `structuredContent` of an answer is for hosts and programs, and `content` holds the same as text, as the specification
//! requires: some hosts pass only the one to the model, and some only the other. A host that passes both doubles the tokens,
//! so both are compact and bounded ([`crate::calls::MAX_ANSWER_BYTES`]). What is made for a model alone is only text.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::json;

use super::signature;
use crate::calls::{CallAnswer, CallError};

/// Creates the result of a successful call.
pub(super) fn from_answer(answer: CallAnswer) -> CallToolResult {
    let (value, answer) = answer.into_parts();
    let mut result = text(answer);
    result.structured_content = Some(value);
    result
}

/// Creates a successful result that is only text.
pub(super) fn text(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// Creates the result of a failed call. The text has everything that a model needs to correct the call: the arguments with
/// their types, where the structured content has the schema.
pub(super) fn from_error(error: &CallError) -> CallToolResult {
    let mut text = error.to_string();
    if let Some(schema) = &error.schema {
        let arguments = signature::of_schema(schema);
        text.push_str(if arguments.is_empty() { "\nIt takes no arguments." } else { "\nArguments: " });
        text.push_str(&arguments);
        if arguments.contains(signature::LEFT_OUT) {
            text.push_str("\nget_module_schema with `module` and `tool` shows what is left out.");
        }
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = Some(json!({ "error": error }));
    result
}
