//! The response to a message that could not be parsed.
//!
//! Every request gets one that has its ID, whatever else is wrong with it: a client waits forever for a response that it
//! cannot match.

use rmcp::model::{ErrorCode, ErrorData, RequestId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::outline::{Message, Outline, Params};

/// An error response. Its ID is the request's as it is written, since rmcp cannot hold every number.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorResponse {
    jsonrpc: &'static str,
    id: Option<Box<RawValue>>,
    error: ErrorData,
}

impl ErrorResponse {
    /// A response with the request's ID as it is written. It has none if that is neither a string nor a number.
    pub(super) fn new(id: Option<Box<RawValue>>, error: ErrorData) -> Self {
        let is_number =
            |id: &RawValue| id.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
        Self { jsonrpc: "2.0", id: id.filter(|id| is_string(id) || is_number(id)), error }
    }

    /// Whether the message is a request of JSON-RPC, of which only the parameters are wrong.
    pub(crate) fn is_about_params(&self) -> bool {
        self.error.code == ErrorCode::INVALID_PARAMS
    }
}

/// Returns the response to `input`, which could not be parsed as a message. Returns `None` for notifications and responses,
/// which have none.
///
/// The parser's message is omitted, since it may quote the input.
pub(crate) fn error_response(input: &[u8]) -> Option<ErrorResponse> {
    let invalid = |message: &'static str| ErrorData::invalid_request(message, None);
    let message = match Outline::read(input) {
        Outline::Message(message) => message,
        outline => {
            let error = match outline {
                Outline::Batch => invalid("batches are not supported; send one message at a time"),
                Outline::Scalar => invalid("the message is not a JSON-RPC 2.0 message"),
                _ if input.trim_ascii().is_empty() => ErrorData::parse_error("the message is empty", None),
                _ => ErrorData::parse_error("the message is not JSON", None),
            };
            return Some(ErrorResponse::new(None, error));
        }
    };
    let is_method = message.method.as_ref().is_some_and(|method| is_string(method));
    if (message.id.is_none() && is_method) || (message.method.is_none() && message.is_response) {
        return None;
    }
    let error = problem(&message, is_method);
    Some(ErrorResponse::new(message.id, error))
}

/// Returns the response to a message that is refused with `error`, whether it can be parsed or not.
pub(crate) fn refusal(input: &[u8], error: ErrorData) -> ErrorResponse {
    let id = match Outline::read(input) {
        Outline::Message(message) => message.id,
        Outline::NotJson | Outline::Batch | Outline::Scalar => None,
    };
    ErrorResponse::new(id, error)
}

fn problem(message: &Message, is_method: bool) -> ErrorData {
    let invalid = |message: &'static str| ErrorData::invalid_request(message, None);
    let params = |message: &'static str| ErrorData::invalid_params(message, None);
    let is_id = message.id.as_ref().is_some_and(|id| serde_json::from_str::<RequestId>(id.get()).is_ok());
    if !is_id {
        return invalid("`id` must be a string or an integer of at most 64 bits");
    }
    if !is_method {
        return invalid("`method` is missing, or is not a string");
    }
    if message.jsonrpc.as_ref().is_none_or(|version| version.get() != "\"2.0\"") {
        return invalid("`jsonrpc` must be \"2.0\"");
    }
    if let Some(name) = message.duplicate {
        return ErrorData::invalid_request(format!("`{name}` appears twice"), None);
    }
    if message.is_response {
        return invalid("a request has neither `result` nor `error`");
    }
    if message.repaired {
        return params(
            "a string cannot be read: it has half of a surrogate pair such as \\ud83d, a raw control character, or bytes \
             that are not UTF-8; send whole characters",
        );
    }
    match message.params {
        Some(Params::Other) => params("`params` must be an object"),
        Some(Params::InvalidMeta) => params("`params._meta` must be an object"),
        _ => params("`params` is nested too deeply, or has a number that is out of range"),
    }
}

fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

#[cfg(test)]
mod tests {
    use rmcp::model::ClientJsonRpcMessage;
    use serde_json::Value;

    use super::*;

    fn response(sent: &[u8]) -> Option<Value> {
        error_response(sent).map(|response| serde_json::to_value(response).unwrap())
    }

    fn code_and_id(sent: &str) -> Option<(i64, Value)> {
        let value = response(sent.as_bytes())?;
        Some((value["error"]["code"].as_i64().unwrap(), value["id"].clone()))
    }

    #[test]
    fn each_kind_of_malformed_input_has_its_response() {
        assert_eq!(code_and_id("{\"jsonrpc\":"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("\u{1}"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id(""), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("[]"), Some((-32600, Value::Null)));
        assert_eq!(code_and_id("[1, {\"id\": 7}]"), Some((-32600, Value::Null)));
        for scalar in ["7", "-7", "1.5", "null", "true", "\"x\""] {
            assert_eq!(code_and_id(scalar), Some((-32600, Value::Null)), "{scalar}");
        }
        assert_eq!(code_and_id("{\"id\":7,\"method\":3}"), Some((-32600, Value::from(7))));
        assert_eq!(code_and_id("{\"\\u0069d\":\"a\\n\"}"), Some((-32600, Value::from("a\n"))));
        for id in ["[{\"a\":[]}]", "{\"a\":{\"b\":1}}", "null", "true"] {
            assert_eq!(code_and_id(&format!("{{\"id\":{id}}}")), Some((-32600, Value::Null)), "{id}");
        }
        assert_eq!(code_and_id("{\"method\":\"notifications/x\",\"params\":3}"), None);
        assert_eq!(code_and_id("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":3}"), None);
        assert_eq!(code_and_id("{\"jsonrpc\":\"2.0\",\"method\":1}"), Some((-32600, Value::Null)));
    }

    #[test]
    fn a_number_that_is_no_id_is_returned_with_its_digits() {
        for id in ["1.5", "18446744073709551615", "-123456789012345678901234567890", "1e999"] {
            let sent = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}");
            assert!(serde_json::from_str::<ClientJsonRpcMessage>(&sent).is_err());
            let response = serde_json::to_string(&error_response(sent.as_bytes())).unwrap();
            assert!(response.contains(&format!("\"id\":{id},")) && response.contains("-32600"), "{response}");
        }
    }

    /// Whatever is unreadable, the request's ID is not.
    #[test]
    fn a_request_with_one_unreadable_part_is_answered_with_its_id() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for (part, says) in [
            ("\"params\":{\"a\":\"canary\\ud83d\"}", "surrogate"),
            ("\"params\":{\"canary\\ude00\":1}", "surrogate"),
            ("\"canary\\ude00\":1", "surrogate"),
            ("\"params\":{\"a\":\"canary\n\"}", "control character"),
            ("\"params\":[1]", "must be an object"),
            ("\"params\":\"canary\"", "must be an object"),
            ("\"params\":{\"_meta\":3}", "`params._meta`"),
            (&format!("\"params\":{{\"a\":{deep}}}"), "nested"),
        ] {
            for sent in [
                format!("{{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/call\",{part}}}"),
                format!("{{{part},\"method\":\"tools/call\",\"id\":\"x\",\"jsonrpc\":\"2.0\"}}"),
            ] {
                assert!(serde_json::from_str::<ClientJsonRpcMessage>(&sent).is_err(), "{part}");
                let answer = response(sent.as_bytes()).unwrap();
                assert_eq!(
                    (&answer["id"], &answer["error"]["code"]),
                    (&"x".into(), &(-32602).into()),
                    "{answer}"
                );
                let message = answer["error"]["message"].as_str().unwrap();
                assert!(message.contains(says) && !message.contains("canary"), "{part}: {message}");
            }
        }
        let sent = b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\",\"params\":{\"a\":\"\xff\"}}";
        assert_eq!(response(sent).unwrap()["id"], 7);
        let twice = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\",\"method\":\"ping\"}";
        assert_eq!(code_and_id(twice), Some((-32600, Value::from(7))));
        assert_eq!(code_and_id("{\"id\":7,\"method\":\"ping\"}"), Some((-32600, Value::from(7))));
    }

    #[test]
    fn the_request_id_is_found_wherever_it_is() {
        let id = |input: &[u8]| {
            serde_json::to_value(refusal(input, ErrorData::invalid_request("no", None))).unwrap()["id"]
                .clone()
        };
        assert_eq!(id(b"{\"params\":{\"id\":1},\"id\":2}"), 2);
        assert_eq!(id(b"{\"params\":{\"id\":1}}"), Value::Null);
        assert_eq!(id(b"{\"params\":\"\\ud83d\",\"id\":2}"), 2);
        assert_eq!(id(b"{\"id\":2"), Value::Null);
    }
}
