//! Requests whose method this server offers, and whose parameters do not fit it.
//!
//! rmcp takes such a request for one of a method that it does not know. Its client would learn that the method is missing.

use rmcp::model::{CallToolRequestParams, CustomRequest, ErrorCode, ErrorData, ProtocolVersion};
use serde_json::{Map, Value};

use super::protocol::is_stateless;

/// The methods of this server. All others are not found, whatever their parameters are.
const METHODS: [&str; 3] = ["server/discover", CALL, "tools/list"];

/// Those that a stateless revision has no longer.
const SESSION_METHODS: [&str; 2] = ["initialize", "ping"];

const CALL: &str = "tools/call";

const WRONG_TYPE: &str = "a parameter has the wrong type";

/// Returns what is wrong with the parameters of a request that rmcp could not match with its method. Returns `None` if the
/// method is none of this server in the `revision` of the request, and for a call that can be served: its arguments are a
/// string.
pub(super) fn misfit(request: &CustomRequest, revision: Option<&ProtocolVersion>) -> Option<ErrorData> {
    let method = request.method.as_str();
    let offered = METHODS.contains(&method) || (SESSION_METHODS.contains(&method) && !is_stateless(revision));
    if !offered || text_arguments(request).is_some() {
        return None;
    }
    Some(match request.params.as_ref().and_then(Value::as_object) {
        None => invalid(method, "`params` is missing"),
        Some(params) => match problem(method, params) {
            Some(problem) => invalid(method, &problem),
            None => invalid(method, WRONG_TYPE),
        },
    })
}

fn invalid(method: &str, problem: &str) -> ErrorData {
    ErrorData::invalid_params(format!("{method}: {problem}"), None)
}

/// A call whose arguments a client has written as a string.
pub(super) struct TextCall {
    /// The call without its arguments.
    pub(super) params: CallToolRequestParams,
    /// Its arguments.
    pub(super) arguments: String,
}

/// Takes the call from a request that rmcp could not match with its method.
///
/// # Errors
///
/// If it is not a call with arguments as a string: what [`misfit`] returns, or that there is no such method.
pub(super) fn text_call(
    request: CustomRequest,
    revision: Option<&ProtocolVersion>,
) -> Result<TextCall, ErrorData> {
    if let Some(error) = misfit(&request, revision) {
        return Err(error);
    }
    let CustomRequest { method, params, .. } = request;
    let Some(Value::Object(mut params)) = params.filter(|_| method == CALL) else {
        return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None));
    };
    let Some(Value::String(arguments)) = params.remove("arguments") else {
        return Err(invalid(&method, WRONG_TYPE));
    };
    match serde_json::from_value(Value::Object(params)) {
        Ok(params) => Ok(TextCall { params, arguments }),
        Err(_) => Err(invalid(&method, WRONG_TYPE)),
    }
}

/// The arguments of a call that are a string, if the rest of the call is as it should be.
fn text_arguments(request: &CustomRequest) -> Option<&str> {
    let params = request.params.as_ref()?.as_object().filter(|_| request.method == CALL)?;
    let arguments = params.get("arguments")?.as_str()?;
    problem(&request.method, params).is_none().then_some(arguments)
}

/// What is wrong with the parameters of a method, as far as this server knows it.
fn problem(method: &str, params: &Map<String, Value>) -> Option<String> {
    let expected: &[(&str, &str, bool)] = match method {
        "initialize" => &[
            ("protocolVersion", "a string", true),
            ("capabilities", "an object", true),
            ("clientInfo", "an object", true),
        ],
        CALL => &[
            ("name", "a string", true),
            ("arguments", "an object or a string with one", false),
            ("inputResponses", "an object", false),
            ("requestState", "a string", false),
        ],
        _ => &[],
    };
    let wrong = expected.iter().find_map(|&(name, kind, required)| match params.get(name) {
        None | Some(Value::Null) => required.then(|| format!("`{name}` is missing")),
        Some(Value::String(_)) if kind.contains("string") => None,
        Some(Value::Object(_)) if kind.contains("object") => None,
        Some(_) => Some(format!("`{name}` must be {kind}")),
    });
    wrong.or_else(|| {
        let info = params.get("clientInfo").filter(|_| method == "initialize")?;
        let missing = ["name", "version"].into_iter().find(|name| !info[*name].is_string())?;
        Some(format!("`clientInfo.{missing}` must be a string"))
    })
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
    use serde_json::json;

    use super::*;

    fn custom(method: &str, params: &Value) -> CustomRequest {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        match serde_json::from_value::<ClientJsonRpcMessage>(message).unwrap() {
            JsonRpcMessage::Request(request) => match request.request {
                ClientRequest::CustomRequest(request) => request,
                other => panic!("{other:?} fits"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parameters_that_do_not_fit_are_named_and_not_quoted() {
        let client = json!({ "name": "canary", "version": "1" });
        for (method, params, says) in [
            ("tools/call", json!(null), "`params` is missing"),
            ("tools/call", json!({}), "`name` is missing"),
            ("tools/call", json!({ "name": 7 }), "`name` must be a string"),
            ("tools/call", json!({ "name": "x", "arguments": [] }), "`arguments` must be an object"),
            ("tools/call", json!({ "name": "x", "arguments": true }), "`arguments` must be an object"),
            ("tools/call", json!({ "name": 7, "arguments": "canary" }), "`name` must be a string"),
            ("tools/call", json!({ "name": "x", "requestState": 1 }), "`requestState` must be a string"),
            ("tools/call", json!({ "name": "x", "inputResponses": 1 }), "`inputResponses` must be an object"),
            (
                "initialize",
                json!({ "protocolVersion": "2025-06-18", "capabilities": {} }),
                "`clientInfo` is missing",
            ),
            (
                "initialize",
                json!({ "capabilities": {}, "clientInfo": client }),
                "`protocolVersion` is missing",
            ),
            (
                "initialize",
                json!({ "protocolVersion": 1, "capabilities": {}, "clientInfo": client }),
                "`protocolVersion` must",
            ),
            (
                "initialize",
                json!({ "protocolVersion": "x", "capabilities": {}, "clientInfo": { "name": "canary" } }),
                "`clientInfo.version` must be a string",
            ),
            (
                "initialize",
                json!({ "protocolVersion": "x", "capabilities": { "roots": 5 }, "clientInfo": client }),
                "wrong type",
            ),
        ] {
            let error = misfit(&custom(method, &params), None).unwrap();
            assert_eq!(error.code.0, -32602);
            assert!(
                error.message.contains(says) && !error.message.contains("canary"),
                "{params}: {}",
                error.message
            );
        }
        assert_eq!(misfit(&custom("no/such", &json!({ "name": 7 })), None), None);
    }

    #[test]
    fn a_stateless_revision_has_no_handshake() {
        let request = custom("initialize", &json!({ "protocolVersion": 1 }));
        assert_eq!(misfit(&request, Some(&ProtocolVersion::V_2026_07_28)), None);
        assert!(misfit(&request, Some(&ProtocolVersion::V_2025_11_25)).is_some());
        let unknown = text_call(request, Some(&ProtocolVersion::V_2026_07_28)).err().unwrap();
        assert_eq!(unknown.code.0, -32601);
    }

    #[test]
    fn a_call_with_arguments_as_a_string_is_a_call() {
        for arguments in ["", "null", "{}", "anything"] {
            let request =
                custom("tools/call", &json!({ "name": "x", "arguments": arguments, "_meta": { "a": 1 } }));
            assert_eq!(misfit(&request, None), None);
            let call = text_call(request, None).unwrap();
            assert_eq!((&*call.params.name, &*call.arguments), ("x", arguments));
        }
        for params in [json!({ "name": "x", "arguments": 1 }), json!({ "name": 1, "arguments": "" })] {
            assert_eq!(text_call(custom("tools/call", &params), None).err().unwrap().code.0, -32602);
        }
        let unknown =
            text_call(custom("no/such", &json!({ "name": "x", "arguments": "" })), None).err().unwrap();
        assert_eq!(unknown.code.0, -32601);
    }
}
