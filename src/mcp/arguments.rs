//! The meta-tools' own arguments, as models send them.

use serde_json::{Map, Value};

use super::tools;
use crate::calls::{CallError, CallRequest, Code, names};

/// What `get_module_schema` is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SchemaRequest {
    pub(super) module: Option<String>,
    pub(super) query: Option<String>,
}

/// Reads the arguments of `get_module_schema`. An empty text counts as absent.
///
/// # Errors
///
/// `invalid_arguments`, with this meta-tool's schema.
pub(super) fn schema(mut sent: Map<String, Value>) -> Result<SchemaRequest, CallError> {
    let read = (|| {
        let module = text(&mut sent, "module")?;
        let query = text(&mut sent, "query")?;
        nothing_else(&sent)?;
        Ok(SchemaRequest { module, query })
    })();
    read.map_err(|problem| refused(tools::GET_MODULE_SCHEMA, problem))
}

/// Reads the arguments of `call_module_tool`.
///
/// `arguments` may be missing where the tool needs none, and may be a text that holds a JSON object: models that
/// nest one tool's arguments in another's write that, and mean it.
///
/// # Errors
///
/// `invalid_arguments`, with this meta-tool's schema.
pub(super) fn call(mut sent: Map<String, Value>) -> Result<CallRequest, CallError> {
    let read = (|| {
        let module = text(&mut sent, "module")?.ok_or("`module` is missing")?;
        let tool = text(&mut sent, "tool")?.ok_or("`tool` is missing")?;
        let account = text(&mut sent, "account")?;
        let full = match sent.remove("full") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(full)) => full,
            Some(_) => return Err("`full` must be true or false".into()),
        };
        let arguments = match sent.remove("arguments") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(Value::String(text)) => serde_json::from_str(&text)
                .map_err(|_| "`arguments` must be an object, and the text in it is none either")?,
            Some(_) => return Err("`arguments` must be an object".into()),
        };
        nothing_else(&sent)?;
        Ok(CallRequest { module, tool, arguments, account, full })
    })();
    read.map_err(|problem| refused(tools::CALL_MODULE_TOOL, problem))
}

fn text(sent: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match sent.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("`{key}` must be a text")),
    }
}

fn nothing_else(sent: &Map<String, Value>) -> Result<(), String> {
    match sent.keys().next() {
        None => Ok(()),
        Some(key) => Err(format!(
            "`{}` is no argument of this tool; what the module's tool takes goes into `arguments`",
            names::bounded(key)
        )),
    }
}

fn refused(meta_tool: &str, problem: String) -> CallError {
    let error = CallError::not_sent(Code::InvalidArguments, format!("{meta_tool}: {problem}."));
    match tools::bare(meta_tool) {
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
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn arguments_may_be_an_object_its_text_or_missing() {
        for sent in [json!({"a": 1}), json!("{\"a\": 1}")] {
            let request = call(map(json!({"module": "m", "tool": "t", "arguments": sent}))).unwrap();
            assert_eq!(Value::Object(request.arguments), json!({"a": 1}));
        }
        let request = call(map(json!({"module": "m", "tool": "t", "account": ""}))).unwrap();
        assert!(request.arguments.is_empty() && request.account.is_none() && !request.full);
    }

    #[test]
    fn what_does_not_fit_is_answered_with_the_schema() {
        for (sent, says) in [
            (json!({"tool": "t"}), "`module` is missing"),
            (json!({"module": 7, "tool": "t"}), "`module` must be a text"),
            (json!({"module": "m", "tool": "t", "arguments": "a=1"}), "must be an object"),
            (json!({"module": "m", "tool": "t", "arguments": [1]}), "must be an object"),
            (json!({"module": "m", "tool": "t", "full": "yes"}), "`full` must be"),
            (json!({"module": "m", "tool": "t", "title": "x"}), "`title` is no argument"),
        ] {
            let error = call(map(sent.clone())).unwrap_err();
            assert_eq!(error.code, Code::InvalidArguments);
            assert!(error.message.contains(says), "{sent}: {}", error.message);
            assert!(error.schema.is_some());
        }
        assert!(schema(map(json!({"modul": "m"}))).is_err());
    }
}
