//! The response to input that is not a JSON-RPC message.

use rmcp::model::{ErrorData, NumberOrString, RequestId, ServerJsonRpcMessage};
use serde_json::Value;

/// Returns the response to `input`, which could not be parsed as a message: a parse error if it is not JSON, else an invalid
/// request. Returns `None` for a notification, which never has a response.
///
/// The parser's message is omitted, since it may quote the input.
pub(crate) fn error_response(input: &[u8]) -> Option<ServerJsonRpcMessage> {
    let Ok(value) = serde_json::from_slice::<Value>(input) else {
        return Some(ServerJsonRpcMessage::error(
            ErrorData::parse_error("the message is not JSON", None),
            None,
        ));
    };
    let message = match &value {
        Value::Array(_) => "batches are not supported; send one message at a time",
        Value::Object(map) if map.contains_key("id") => "the message is not a JSON-RPC 2.0 request of MCP",
        Value::Object(map) if map.contains_key("method") => return None,
        _ => "the message is not a JSON-RPC 2.0 message",
    };
    Some(ServerJsonRpcMessage::error(ErrorData::invalid_request(message, None), id(&value)))
}

fn id(value: &Value) -> Option<RequestId> {
    match value.get("id")? {
        Value::String(text) => Some(NumberOrString::String(text.as_str().into())),
        Value::Number(number) => number.as_i64().map(NumberOrString::Number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_and_id(sent: &str) -> Option<(i64, Value)> {
        let value = serde_json::to_value(error_response(sent.as_bytes())?).unwrap();
        Some((value["error"]["code"].as_i64().unwrap(), value["id"].clone()))
    }

    #[test]
    fn each_kind_of_malformed_input_has_its_response() {
        assert_eq!(code_and_id("{\"jsonrpc\":"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("\u{1}"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("[]"), Some((-32600, Value::Null)));
        assert_eq!(code_and_id("7"), Some((-32600, Value::Null)));
        assert_eq!(code_and_id("{\"id\":7,\"method\":3}"), Some((-32600, Value::from(7))));
        assert_eq!(code_and_id("{\"method\":\"notifications/x\",\"params\":3}"), None);
    }
}
