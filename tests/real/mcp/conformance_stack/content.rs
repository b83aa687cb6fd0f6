//! The prompts and resources of the fixtures.

use rmcp::ErrorData;
use rmcp::model::{
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResponse, ReadResourceResult,
};
use serde_json::{Value, json};

use super::fixture::{from_json, result};
use super::tools::elicitation;

/// One red pixel.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/// A sound file without samples.
pub(super) const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

pub(super) fn prompts() -> ListPromptsResult {
    let argument = |name: &str| json!({ "name": name, "description": "Any text", "required": true });
    result(json!({ "prompts": [
        { "name": "test_simple_prompt", "description": "Without arguments" },
        {
            "name": "test_prompt_with_arguments",
            "description": "With two arguments",
            "arguments": [argument("arg1"), argument("arg2")],
        },
        {
            "name": "test_prompt_with_embedded_resource",
            "description": "With a resource in it",
            "arguments": [argument("resourceUri")],
        },
        { "name": "test_prompt_with_image", "description": "With an image in it" },
        { "name": "test_input_required_result_prompt", "description": "Requests input" },
    ] }))
}

pub(super) fn prompt(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument =
        |name: &str| request.arguments.as_ref().and_then(|all| all.get(name)?.as_str()).unwrap_or("");
    let user = |content: Value| json!({ "role": "user", "content": content });
    let text = |text: &str| user(json!({ "type": "text", "text": text }));
    let messages = match request.name.as_str() {
        "test_simple_prompt" => json!([text("This is a simple prompt for testing.")]),
        "test_prompt_with_arguments" => {
            let (one, two) = (argument("arg1"), argument("arg2"));
            json!([text(&format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))])
        }
        "test_prompt_with_embedded_resource" => json!([
            user(json!({ "type": "resource", "resource": {
                "uri": argument("resourceUri"),
                "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            } })),
            text("Please process the embedded resource above."),
        ]),
        "test_prompt_with_image" => json!([
            user(json!({ "type": "image", "data": PNG, "mimeType": "image/png" })),
            text("Please analyze the image above."),
        ]),
        "test_input_required_result_prompt" => {
            let answered =
                request.input_responses.as_ref().is_some_and(|all| all.contains_key("user_context"));
            if !answered {
                let question = elicitation("What context should the prompt use?", "context", "string");
                let required: InputRequiredResult = from_json(json!({
                    "resultType": "input_required", "inputRequests": { "user_context": question },
                }));
                return Ok(required.into());
            }
            json!([text("A prompt with its context")])
        }
        other => return Err(ErrorData::invalid_params(format!("Unknown prompt: {other}"), None)),
    };
    let prompt: GetPromptResult = result(json!({ "messages": messages }));
    Ok(prompt.into())
}

pub(super) fn resources() -> ListResourcesResult {
    result(json!({ "resources": [
        described_resource("test://static-text", "text/plain"),
        described_resource("test://static-binary", "image/png"),
        described_resource("test://watched-resource", "text/plain"),
    ] }))
}

fn described_resource(uri: &str, kind: &str) -> Value {
    json!({ "uri": uri, "name": uri, "description": "A resource for testing", "mimeType": kind })
}

pub(super) fn templates() -> ListResourceTemplatesResult {
    result(json!({ "resourceTemplates": [{
        "uriTemplate": "test://template/{id}/data",
        "name": "template",
        "description": "A resource with a parameter",
        "mimeType": "application/json",
    }] }))
}

pub(super) fn resource(uri: &str) -> Result<ReadResourceResponse, ErrorData> {
    let text = |text: &str, kind: &str| json!({ "uri": uri, "mimeType": kind, "text": text });
    let content = match uri {
        "test://static-text" => text("This is the content of the static text resource.", "text/plain"),
        "test://watched-resource" => text("Watched resource content", "text/plain"),
        "test://static-binary" => json!({ "uri": uri, "mimeType": "image/png", "blob": PNG }),
        _ => {
            let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
            let Some(id) = id else {
                let data = Some(json!({ "uri": uri }));
                return Err(ErrorData::resource_not_found(format!("Resource not found: {uri}"), data));
            };
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            text(&data.to_string(), "application/json")
        }
    };
    let read: ReadResourceResult = result(json!({ "contents": [content] }));
    Ok(read.into())
}
