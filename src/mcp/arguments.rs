//! Parses the arguments of the meta-tools, as models send them.

use cofferdam_config::suggestions::bounded;
use serde_json::{Map, Value};

use super::tools;
use crate::calls::{CallError, CallRequest, Code, parse_arguments};

/// The arguments of `get_module_schema`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SchemaRequest {
    pub(super) module: Option<String>,
    pub(super) query: Option<String>,
}

/// Parses the arguments of `get_module_schema`. An empty string counts as absent.
///
/// # Errors
///
/// Returns `invalid_arguments` with the schema of the meta-tool.
pub(super) fn schema(mut sent: Map<String, Value>) -> Result<SchemaRequest, CallError> {
    let parsed = (|| {
        let module = string(&mut sent, "module")?;
        let query = string(&mut sent, "query")?;
        no_others(&sent)?;
        Ok(SchemaRequest { module, query })
    })();
    parsed.map_err(|message| invalid(tools::GET_MODULE_SCHEMA, message))
}

/// Returns the text of the module's arguments, if the model has written them as a string.
pub(super) fn encoded(sent: &Map<String, Value>) -> Option<&str> {
    sent.get("arguments")?.as_str()
}

/// Parses the arguments of `call_module_tool`.
///
/// `arguments` may be a string that contains a JSON object, since models often write nested arguments that way. Absent,
/// `null`, an empty string and the string `null` are one thing.
///
/// # Errors
///
/// Returns `invalid_arguments` with the schema of the meta-tool.
pub(super) fn call(mut sent: Map<String, Value>) -> Result<CallRequest, CallError> {
    let parsed = (|| {
        let module = string(&mut sent, "module")?.ok_or("`module` is missing")?;
        let tool = string(&mut sent, "tool")?.ok_or("`tool` is missing")?;
        let account = string(&mut sent, "account")?;
        let full = match sent.remove("full") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(full)) => full,
            Some(_) => return Err("`full` must be true or false".into()),
        };
        let arguments = match sent.remove("arguments") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(Value::String(text)) => parse_arguments(&text)
                .map_err(|invalid| format!("`arguments` must be a JSON object; you sent {invalid}"))?,
            Some(_) => return Err("`arguments` must be a JSON object".into()),
        };
        no_others(&sent)?;
        Ok(CallRequest { module, tool, arguments, account, full })
    })();
    parsed.map_err(|message| invalid(tools::CALL_MODULE_TOOL, message))
}

fn string(sent: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match sent.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("`{key}` must be a string")),
    }
}

fn no_others(sent: &Map<String, Value>) -> Result<(), String> {
    match sent.keys().next() {
        None => Ok(()),
        Some(key) => Err(format!(
            "unknown argument `{}`; put the arguments of the module's tool into `arguments`",
            bounded(key)
        )),
    }
}

fn invalid(meta_tool: &str, message: String) -> CallError {
    let error = CallError::not_sent(Code::InvalidArguments, format!("{meta_tool}: {message}."));
    match tools::definition(meta_tool) {
        Some(tool) => error.with_schema(&tool.input_schema),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is not an object"),
        }
    }

    #[test]
    fn arguments_may_be_an_object_a_string_or_absent() {
        for sent in [json!({"a": 1}), json!("{\"a\": 1}")] {
            let request = call(map(json!({"module": "m", "tool": "t", "arguments": sent}))).unwrap();
            assert_eq!(Value::Object(request.arguments), json!({"a": 1}));
        }
        for none in [json!({}), Value::Null, json!(""), json!(" "), json!("null"), json!("{}")] {
            let request = call(map(json!({"module": "m", "tool": "t", "arguments": none}))).unwrap();
            assert!(request.arguments.is_empty(), "{none}");
        }
        let request = call(map(json!({"module": "m", "tool": "t", "account": ""}))).unwrap();
        assert!(request.arguments.is_empty() && request.account.is_none() && !request.full);
    }

    #[test]
    fn invalid_arguments_return_the_schema() {
        for (sent, says) in [
            (json!({"tool": "t"}), "`module` is missing"),
            (json!({"module": 7, "tool": "t"}), "`module` must be a string"),
            (json!({"module": "m", "tool": "t", "arguments": "a=1"}), "a string that is not JSON"),
            (json!({"module": "m", "tool": "t", "arguments": "[1]"}), "another JSON value"),
            (json!({"module": "m", "tool": "t", "arguments": [1]}), "must be a JSON object"),
            (
                json!({"module": "m", "tool": "t", "arguments": "{\"a\": \"\\ud83d\"}"}),
                "half of a surrogate pair",
            ),
            (json!({"module": "m", "tool": "t", "full": "yes"}), "`full` must be"),
            (json!({"module": "m", "tool": "t", "title": "x"}), "unknown argument `title`"),
        ] {
            let error = call(map(sent.clone())).unwrap_err();
            assert_eq!(error.code, Code::InvalidArguments);
            assert!(error.message.contains(says), "{sent}: {}", error.message);
            assert!(error.schema.is_some());
        }
        assert!(schema(map(json!({"modul": "m"}))).is_err());
    }
}
