//! The tools of the fixtures.

#![expect(deprecated, reason = "features of older revisions are tested too")]

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, InputRequiredResult, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam, Tool,
};
use rmcp::service::RequestContext;
use serde_json::{Map, Value, json};

use super::content::{PNG, WAV};
use super::fixture::{Change, Fixture, from_json, has_input_requests, result};

/// The tools without arguments.
const WITHOUT_ARGUMENTS: [&str; 24] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_tool_with_progress",
    "test_error_handling",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_reconnection",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_logging_tool",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];

pub(super) fn all() -> Vec<Tool> {
    let text = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] });
    let with_arguments = [
        ("test_sampling", text("prompt")),
        ("test_elicitation", text("message")),
        ("json_schema_2020_12_tool", rich_schema()),
        (
            "test_custom_header",
            json!({
                "type": "object",
                "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
            }),
        ),
    ];
    let without_arguments =
        WITHOUT_ARGUMENTS.map(|name| (name, json!({ "type": "object", "properties": {} })));
    without_arguments
        .into_iter()
        .chain(with_arguments)
        .map(|(name, schema)| {
            from_json(
                json!({ "name": name, "description": format!("Fixture {name}"), "inputSchema": schema }),
            )
        })
        .collect()
}

/// A schema with every keyword that must reach a client unchanged.
fn rich_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

pub(super) async fn call(
    fixture: &Fixture,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let name = request.name.as_ref();
    let text = |text: &str| json!({ "type": "text", "text": text });
    let embedded = |uri: &str, kind: &str, text: &str| {
        let resource = json!({ "uri": uri, "mimeType": kind, "text": text });
        json!({ "type": "resource", "resource": resource })
    };
    let image = || json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
    let content = match name {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image()]),
        "test_audio_content" => json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }]),
        "test_embedded_resource" => json!([embedded(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => json!([
            text("Multiple content types test:"),
            image(),
            embedded("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ]),
        "test_error_handling" => {
            return Ok(failed("This tool intentionally returns an error for testing"));
        }
        "json_schema_2020_12_tool" | "test_custom_header" | "test_reconnection" => json!([text(name)]),
        "test_tool_with_logging" | "test_logging_tool" => {
            log(context).await;
            json!([text("logged")])
        }
        "test_tool_with_progress" | "test_streaming_elicitation" => {
            progress(context).await;
            json!([text("went on")])
        }
        "test_trigger_tool_change" | "test_trigger_prompt_change" => {
            let change = if name.contains("prompt") { Change::Prompts } else { Change::Tools };
            // Fails without subscribers.
            let _ = fixture.changes.send(change);
            json!([text("changed")])
        }
        "test_missing_capability" => {
            let declared = context.client_capabilities().unwrap_or_default();
            if declared.sampling.is_none() {
                let required = from_json(json!({ "sampling": {} }));
                return Err(ErrorData::missing_required_client_capability(required));
            }
            json!([text("the client can sample")])
        }
        // The response to a request of the server needs a session, and there are none.
        "test_sampling"
        | "test_elicitation"
        | "test_elicitation_sep1034_defaults"
        | "test_elicitation_sep1330_enums" => {
            return Ok(failed("a client cannot be asked without a session"));
        }
        other => match other.strip_prefix("test_input_required_result_") {
            Some(kind) => return with_input(kind, &request, context),
            None => return Err(ErrorData::invalid_params(format!("Unknown tool: {other}"), None)),
        },
    };
    let done: CallToolResult = result(json!({ "content": content }));
    Ok(done.into())
}

fn failed(why: &str) -> CallToolResponse {
    let done: CallToolResult =
        result(json!({ "content": [{ "type": "text", "text": why }], "isError": true }));
    done.into()
}

/// Sends three log messages, in the newest revision only if the request sets a level.
async fn log(context: &RequestContext<RoleServer>) {
    if has_input_requests(context) && context.meta.log_level().is_none() {
        return;
    }
    for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
        // Fails if the client has disconnected.
        let _ = context.peer.notify_logging_message(message).await;
    }
}

async fn progress(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return };
    for done in [0.0, 50.0, 100.0] {
        let progress = ProgressNotificationParam::new(token.clone(), done).with_total(100.0);
        let _ = context.peer.notify_progress(progress).await;
    }
}

/// Returns an elicitation request with one field.
pub(super) fn elicitation(message: &str, field: &str, kind: &str) -> Value {
    json!({ "method": "elicitation/create", "params": {
        "message": message,
        "requestedSchema": { "type": "object", "properties": { field: { "type": kind } }, "required": [field] },
    } })
}

fn sampling(message: &str) -> Value {
    json!({ "method": "sampling/createMessage", "params": {
        "messages": [{ "role": "user", "content": { "type": "text", "text": message } }],
        "maxTokens": 100,
    } })
}

/// Handles the tools whose result requests input, and which are then called again with the client's responses.
fn with_input(
    kind: &str,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let roots = || json!({ "method": "roots/list", "params": {} });
    let name = || elicitation("What is your name?", "name", "string");
    let color = || elicitation("What is your favorite color?", "color", "string");
    let confirm = || elicitation("Please confirm", "ok", "boolean");
    let state = request.request_state.as_deref();
    let (requests, next) = match (kind, state) {
        ("elicitation", None) => (json!({ "user_name": name() }), None),
        ("sampling", None) => (json!({ "capital": sampling("What is the capital of France?") }), None),
        ("list_roots", None) => (json!({ "client_roots": roots() }), None),
        ("request_state" | "tampered_state", None | Some("confirming")) => {
            (json!({ "confirm": confirm() }), Some("confirming"))
        }
        ("multiple_inputs", None | Some("asking all")) => {
            let greeting = sampling("Generate a greeting");
            let all = json!({ "user_name": name(), "greeting": greeting, "client_roots": roots() });
            (all, Some("asking all"))
        }
        ("multi_round", Some("step 1")) if has_responses(request, &json!({ "step1": name() })) => {
            (json!({ "step2": color() }), Some("step 2"))
        }
        ("multi_round", None | Some("step 1")) => (json!({ "step1": name() }), Some("step 1")),
        ("multi_round", Some("step 2")) => (json!({ "step2": color() }), Some("step 2")),
        ("capabilities", None) => (json!(supported_requests(context)), None),
        // The fixture issues no other state.
        (_, Some(_)) => return Err(ErrorData::invalid_params("this state was not issued here", None)),
        _ => return Err(ErrorData::invalid_params(format!("Unknown tool: {kind}"), None)),
    };
    // If state was issued, a response must return the state of this round.
    let complete = has_responses(request, &requests) && state == next;
    if !complete {
        return Ok(input_required(requests, next));
    }
    let done: CallToolResult =
        result(json!({ "content": [{ "type": "text", "text": "state-ok: all is answered" }] }));
    Ok(done.into())
}

/// Returns the requests that the client's capabilities allow.
fn supported_requests(context: &RequestContext<RoleServer>) -> Map<String, Value> {
    let declared = context.client_capabilities().unwrap_or_default();
    let mut requests = Map::new();
    if declared.elicitation.is_some() {
        requests.insert("elicited".into(), elicitation("What is it?", "value", "string"));
    }
    if declared.sampling.is_some() {
        requests.insert("sampled".into(), sampling("What is it?"));
    }
    requests
}

/// Returns whether the call has a response of the right type for each input request.
fn has_responses(call: &CallToolRequestParams, requests: &Value) -> bool {
    let responses = call.input_responses.as_ref();
    let mut requests = requests.as_object().into_iter().flatten();
    requests.all(|(name, request)| {
        responses.and_then(|all| all.get(name)).is_some_and(|response| matches_request(request, response))
    })
}

fn matches_request(request: &Value, response: &Value) -> bool {
    let fields = request.pointer("/params/requestedSchema/properties").and_then(Value::as_object);
    let has_type = |name: &str, kind: &Value| match response.pointer(&format!("/content/{name}")) {
        Some(Value::String(_)) => kind == "string",
        Some(Value::Bool(_)) => kind == "boolean",
        _ => false,
    };
    response.is_object() && fields.into_iter().flatten().all(|(name, field)| has_type(name, &field["type"]))
}

fn input_required(requests: Value, state: Option<&str>) -> CallToolResponse {
    let mut result = json!({ "resultType": "input_required", "inputRequests": requests });
    if let Some(state) = state {
        result["requestState"] = json!(state);
    }
    let result: InputRequiredResult = from_json(result);
    result.into()
}
