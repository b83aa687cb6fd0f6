//! A tool on one line, enough to call it:
//! `get_issue(owner: string, repo: string, issue_number: integer) — One issue or pull request [read]`.
//!
//! Required arguments come first, and `?` marks the others. Allowed values are separated by `|`. An object has its keys in
//! braces; one that is too large for a line is `{…}`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::connectors::SideEffect;
use crate::manifest::Tool;

/// The longest type that is written out, in bytes. It leaves space for a long list of values.
const MAX_TYPE_BYTES: usize = 200;

/// How deep types are written out, and references followed.
const MAX_DEPTH: usize = 6;

/// An object whose keys are left out.
pub(super) const LEFT_OUT: &str = "{…}";

/// The types of JSON Schema. An allowed value that is written like one of them is in quotes.
const TYPES: [&str; 8] = ["any", "array", "boolean", "integer", "null", "number", "object", "string"];

/// An argument of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument<'s> {
    pub(super) name: &'s str,
    pub(super) required: bool,
    /// Its type, as a line shows it.
    pub(super) kind: String,
    /// Its description.
    pub(super) note: Option<&'s str>,
}

/// The arguments of a tool, the required ones first.
pub(super) fn arguments(schema: &Map<String, Value>) -> Vec<Argument<'_>> {
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut arguments: Vec<Argument<'_>> = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| Argument {
            name,
            required: required(name),
            kind: kind(property, schema),
            note: property.get("description").and_then(Value::as_str),
        })
        .collect();
    arguments.sort_by_key(|argument| !argument.required);
    arguments
}

/// The arguments as the line of a tool shows them, without those types that `known` says are known.
pub(super) fn list(arguments: &[Argument<'_>], known: impl Fn(&Argument<'_>) -> bool) -> String {
    let one = |argument: &Argument<'_>| {
        let mark = if argument.required { "" } else { "?" };
        match known(argument) {
            true => format!("{}{mark}", argument.name),
            false => format!("{}{mark}: {}", argument.name, argument.kind),
        }
    };
    arguments.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The arguments of a schema with all their types.
pub(super) fn of_schema(schema: &Map<String, Value>) -> String {
    list(&arguments(schema), |_| false)
}

/// What a call of the tool does: `read`, `write` or `destructive`.
pub(super) fn effect(tool: &Tool) -> &'static str {
    match tool.operation.effects.side_effect {
        SideEffect::None => "read",
        SideEffect::Write => "write",
        SideEffect::Destructive => "destructive",
    }
}

/// The type of a schema inside `root`, as a line shows it.
fn kind(schema: &Value, root: &Map<String, Value>) -> String {
    let whole = written(schema, root, 0);
    if whole.len() <= MAX_TYPE_BYTES {
        return whole;
    }
    match whole.ends_with("[]") {
        true => format!("{LEFT_OUT}[]"),
        false => LEFT_OUT.to_owned(),
    }
}

fn written(schema: &Value, root: &Map<String, Value>, depth: usize) -> String {
    let Some(schema) = schema.as_object().filter(|_| depth < MAX_DEPTH) else { return "any".to_owned() };
    let inner = |schema: &Value| written(schema, root, depth + 1);
    if let Some(name) =
        schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"))
    {
        let definition = root.get("$defs").and_then(|definitions| definitions.get(name));
        return definition.map_or_else(|| "any".to_owned(), inner);
    }
    if let Some(Value::Array(options)) = schema.get("enum") {
        return options.iter().map(option).collect::<Vec<_>>().join("|");
    }
    if let Some(only) = schema.get("const") {
        return option(only).into_owned();
    }
    if let Some(Value::Array(schemas)) = schema.get("anyOf").or_else(|| schema.get("oneOf")) {
        return schemas.iter().map(inner).collect::<Vec<_>>().join("|");
    }
    match schema.get("type") {
        Some(Value::String(name)) if name == "array" => {
            let item = schema.get("items").map_or_else(|| "any".to_owned(), inner);
            if item.contains('|') && !item.starts_with('{') {
                format!("({item})[]")
            } else {
                format!("{item}[]")
            }
        }
        Some(Value::String(name)) if name == "object" && schema.contains_key("properties") => {
            let entries = arguments(schema);
            let entries = entries.into_iter().map(|entry| {
                let property = schema.get("properties").and_then(|properties| properties.get(entry.name));
                Argument { kind: property.map_or_else(|| "any".to_owned(), inner), ..entry }
            });
            format!("{{{}}}", list(&entries.collect::<Vec<_>>(), |_| false))
        }
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|"),
        _ => "any".to_owned(),
    }
}

/// An allowed value, in quotes only if it could be taken for something else.
fn option(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) if is_plain(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn is_plain(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(word)
        && !TYPES.contains(&text)
        && !matches!(text, "true" | "false")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(schema: Value) -> String {
        match schema {
            Value::Object(schema) => of_schema(&schema),
            other => panic!("{other} is not a schema"),
        }
    }

    #[test]
    fn required_arguments_come_first_with_their_types() {
        let schema = json!({
            "required": ["owner", "number"],
            "properties": {
                "state": { "enum": ["open", "closed"] },
                "owner": { "type": "string" },
                "labels": { "type": "array", "items": { "type": "string" } },
                "number": { "type": "integer" },
                "by": { "type": ["string", "null"] },
                "anything": {},
            },
        });
        assert_eq!(
            of(schema),
            "owner: string, number: integer, state?: open|closed, labels?: string[], by?: string|null, anything?: any"
        );
        assert_eq!(of(json!({ "type": "object" })), "");
    }

    #[test]
    fn a_value_that_could_be_taken_for_something_else_is_in_quotes() {
        let schema =
            json!({ "properties": { "a": { "enum": ["1", 1, "null", null, "true", true, "a b", "x-y"] } } });
        assert_eq!(of(schema), "a?: \"1\"|1|\"null\"|null|\"true\"|true|\"a b\"|x-y");
    }

    #[test]
    fn objects_show_their_keys_until_they_are_too_large() {
        let comment = json!({
            "type": "object",
            "required": ["line"],
            "properties": { "side": { "enum": ["LEFT", "RIGHT"] }, "line": { "type": "integer" } },
        });
        let list = json!({ "properties": { "comments": { "type": "array", "items": comment } } });
        assert_eq!(of(list), "comments?: {line: integer, side?: LEFT|RIGHT}[]");
        let sides =
            json!({ "properties": { "sides": { "type": "array", "items": { "enum": ["a", "b"] } } } });
        assert_eq!(of(sides), "sides?: (a|b)[]");
        let names = (0..50).map(|at| (format!("name_{at}"), json!({ "type": "string" })));
        let large = json!({ "type": "object", "properties": names.collect::<Map<_, _>>() });
        let schema = json!({ "properties": { "one": large, "more": { "type": "array", "items": large } } });
        assert_eq!(of(schema), "one?: {…}, more?: {…}[]");
    }

    #[test]
    fn references_are_followed_and_end() {
        let schema = json!({
            "$defs": { "id": { "type": "string" }, "tree": { "type": "array", "items": { "$ref": "#/$defs/tree" } } },
            "properties": { "id": { "$ref": "#/$defs/id" }, "tree": { "$ref": "#/$defs/tree" }, "no": { "$ref": "#/x" } },
        });
        assert_eq!(of(schema), "id?: string, tree?: any[][][], no?: any");
    }
}
