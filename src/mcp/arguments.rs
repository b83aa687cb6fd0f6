//! Parses the arguments of the meta-tools, as models send them.

use cofferdam_config::suggestions::bounded;
use serde_json::{Map, Value};

use super::tools;
use crate::caller::Caller;
use crate::calls::repair::{self, Field, field};
use crate::calls::{CallError, CallRequest, Code, parse_arguments};
use crate::registry::Registry;

/// What models also call the `query` of `get_module_schema`.
const QUERY_NAMES: [&str; 4] = ["query", "q", "search", "text"];

/// The arguments of `get_module_schema`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SchemaRequest {
    pub(super) module: Option<String>,
    pub(super) tool: Option<String>,
    pub(super) query: Option<String>,
}

/// Parses the arguments of `get_module_schema`. An empty string counts as absent.
///
/// # Errors
///
/// Returns `invalid_arguments` with everything that is wrong.
pub(super) fn schema(sent: Map<String, Value>) -> Result<SchemaRequest, CallError> {
    let mut request = SchemaRequest::default();
    let mut problems = Vec::new();
    // Each one's own name first: `name` is the module's only if nothing else is.
    let mut sent: Vec<(String, Value)> = sent.into_iter().collect();
    sent.sort_by_key(|(key, _)| !matches!(key.as_str(), "module" | "tool" | "query"));
    for (key, value) in sent {
        let part = match (field(&key), key.as_str()) {
            (_, "name") | (Some((Field::Module, _)), _) => &mut request.module,
            (Some((Field::Tool, _)), _) => &mut request.tool,
            (_, key) if QUERY_NAMES.contains(&key) => &mut request.query,
            (Some((Field::Arguments | Field::Account | Field::Full, _)), _) if is_empty(&value) => continue,
            (Some(_), key) => {
                problems.push(format!(
                    "`{}` is for {}, which runs a tool",
                    bounded(key),
                    tools::CALL_MODULE_TOOL
                ));
                continue;
            }
            (None, key) => {
                problems.push(format!("unknown argument `{}`", bounded(key)));
                continue;
            }
        };
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(text) if part.as_ref().is_none_or(|known| *known == text) => *part = Some(text),
            Value::String(_) => problems.push(format!("`{}` names another one again", bounded(&key))),
            _ => problems.push(format!("`{}` must be a string", bounded(&key))),
        }
    }
    if problems.is_empty() { Ok(request) } else { Err(invalid(tools::GET_MODULE_SCHEMA, &problems)) }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Returns the text of the module's arguments, if the model has written them as a string.
pub(super) fn encoded(sent: &Map<String, Value>) -> Option<&str> {
    sent.get("arguments")?.as_str()
}

/// Parses the arguments of `call_module_tool`. If they are not valid, returns the call that they can only mean.
///
/// `arguments` may be a string that contains a JSON object, since models often write nested arguments that way. Absent,
/// `null`, an empty string and the string `null` are one thing.
///
/// # Errors
///
/// Returns `invalid_arguments` with everything that is wrong, and with the schema of the meta-tool.
pub(super) fn call(
    registry: &Registry,
    caller: &Caller,
    sent: Map<String, Value>,
) -> Result<CallRequest, CallError> {
    valid_call(sent)
        .or_else(|sent| repair::from_sent(registry, caller, sent))
        .map_err(|problems| invalid(tools::CALL_MODULE_TOOL, &problems))
}

/// A call whose parts are all as they have to be. Otherwise they are returned.
fn valid_call(mut sent: Map<String, Value>) -> Result<CallRequest, Map<String, Value>> {
    let is_valid = |(key, value): (&String, &Value)| match key.as_str() {
        "module" | "tool" => value.as_str().is_some_and(|name| !name.is_empty()),
        "account" => value.is_string() || value.is_null(),
        "full" => value.is_boolean() || value.is_null(),
        "arguments" => value.is_object() || value.is_string() || value.is_null(),
        _ => false,
    };
    let is_complete = ["module", "tool"].iter().all(|name| sent.contains_key(*name));
    if !is_complete || !sent.iter().all(is_valid) {
        return Err(sent);
    }
    let arguments = match sent.get_mut("arguments") {
        Some(Value::String(text)) => match parse_arguments(text) {
            Ok(arguments) => arguments,
            Err(_) => return Err(sent),
        },
        Some(Value::Object(arguments)) => std::mem::take(arguments),
        _ => Map::new(),
    };
    let mut string = |name: &str| match sent.get_mut(name).map(Value::take) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let (module, tool, account) = (string("module"), string("tool"), string("account"));
    let full = sent.get("full") == Some(&Value::Bool(true));
    // Both are there, as was seen above.
    let (module, tool) = (module.unwrap_or_default(), tool.unwrap_or_default());
    Ok(CallRequest { module, tool, arguments, account, full })
}

fn invalid(meta_tool: &str, problems: &[String]) -> CallError {
    let message = format!("{meta_tool}: {}.", problems.join("; "));
    let error = CallError::not_sent(Code::InvalidArguments, message);
    match tools::definition(meta_tool) {
        Some(tool) => error.with_schema(&tool.input_schema),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::ManifestLibrary;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is not an object"),
        }
    }

    fn parse(sent: Value) -> Result<CallRequest, CallError> {
        let registry = Registry::load(&[], &ManifestLibrary::load(None));
        call(&registry, &Caller::local(), map(sent))
    }

    #[test]
    fn arguments_may_be_an_object_a_string_or_absent() {
        for sent in [json!({"a": 1}), json!("{\"a\": 1}")] {
            let request = parse(json!({"module": "m", "tool": "t", "arguments": sent})).unwrap();
            assert_eq!(Value::Object(request.arguments), json!({"a": 1}));
        }
        for none in [json!({}), Value::Null, json!(""), json!(" "), json!("null"), json!("{}"), json!([])] {
            let request = parse(json!({"module": "m", "tool": "t", "arguments": none})).unwrap();
            assert!(request.arguments.is_empty(), "{none}");
        }
        let request = parse(json!({"module": "m", "tool": "t", "account": ""})).unwrap();
        assert!(request.arguments.is_empty() && request.account.is_none() && !request.full);
        let request =
            parse(json!({"module": "m", "tool": "t", "account": "a", "full": true, "arguments": null}))
                .unwrap();
        assert!(request.account.as_deref() == Some("a") && request.full);
    }

    #[test]
    fn invalid_arguments_return_the_schema_and_all_that_is_wrong() {
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
        ] {
            let error = parse(sent.clone()).unwrap_err();
            assert_eq!(error.code, Code::InvalidArguments);
            assert!(error.message.contains(says), "{sent}: {}", error.message);
            assert!(error.schema.is_some());
        }
        let all = parse(json!({"account": 7, "full": "yes", "arguments": 7})).unwrap_err().message;
        for says in
            ["`module` is missing", "`tool` is missing", "`account` must", "`full` must", "`arguments` must"]
        {
            assert!(all.contains(says), "{all}");
        }
    }

    #[test]
    fn a_question_names_its_parts_in_several_ways() {
        let asked = |module: Option<&str>, tool: Option<&str>, query: Option<&str>| SchemaRequest {
            module: module.map(str::to_owned),
            tool: tool.map(str::to_owned),
            query: query.map(str::to_owned),
        };
        for (sent, means) in [
            (json!({}), asked(None, None, None)),
            (json!({"module": "m", "query": ""}), asked(Some("m"), None, None)),
            (json!({"name": "m"}), asked(Some("m"), None, None)),
            (json!({"name": "m", "tool_name": "t"}), asked(Some("m"), Some("t"), None)),
            (json!({"module": "m", "tool": "t", "arguments": {}}), asked(Some("m"), Some("t"), None)),
            (json!({"q": "words"}), asked(None, None, Some("words"))),
        ] {
            assert_eq!(schema(map(sent.clone())).unwrap(), means, "{sent}");
        }
        let error =
            schema(map(json!({"modul": "m", "query": 7, "arguments": {"a": 1}}))).unwrap_err().message;
        for says in
            ["unknown argument `modul`", "`query` must be a string", "`arguments` is for call_module_tool"]
        {
            assert!(error.contains(says), "{error}");
        }
        assert!(schema(map(json!({"module": "a", "name": "b"}))).is_err());
    }
}
