//! The answer to what is no JSON-RPC message.

use rmcp::model::{ErrorData, NumberOrString, RequestId, ServerJsonRpcMessage};
use serde_json::Value;

/// What to answer to `sent`, which could not be read as a message: a parse error where it is no JSON, else an invalid
/// request; nothing to a notification, since no notification is ever answered.
///
/// The reader's own words are left out: they may repeat what was sent.
pub(crate) fn refusal(sent: &[u8]) -> Option<ServerJsonRpcMessage> {
    let Ok(value) = serde_json::from_slice::<Value>(sent) else {
        return Some(ServerJsonRpcMessage::error(
            ErrorData::parse_error("the message is no JSON", None),
            None,
        ));
    };
    let message = match &value {
        Value::Array(_) => "batches are not served; send one message at a time",
        Value::Object(map) if map.contains_key("id") => "the message is no JSON-RPC 2.0 request of MCP",
        Value::Object(map) if map.contains_key("method") => return None,
        _ => "the message is no JSON-RPC 2.0 message",
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
        let value = serde_json::to_value(refusal(sent.as_bytes())?).unwrap();
        Some((value["error"]["code"].as_i64().unwrap(), value["id"].clone()))
    }

    #[test]
    fn each_kind_of_nonsense_has_its_answer() {
        assert_eq!(code_and_id("{\"jsonrpc\":"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("\u{1}"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("[]"), Some((-32600, Value::Null)));
        assert_eq!(code_and_id("7"), Some((-32600, Value::Null)));
        assert_eq!(code_and_id("{\"id\":7,\"method\":3}"), Some((-32600, Value::from(7))));
        assert_eq!(code_and_id("{\"method\":\"notifications/x\",\"params\":3}"), None);
    }
}
