//! Merges the entry of this server into the text of a host's file. Order, layout and comments of the text are kept.

use std::fmt;

use cofferdam_config::Shown;
use cofferdam_vault::files::BYTE_ORDER_MARK;
use jsonc_parser::ast::{self, ObjectProp};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use jsonc_parser::{ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::host::{Host, SERVER};

/// The keys that define the transport. A key of the previous transport must not stay.
const TRANSPORT_KEYS: [&str; 4] = ["type", "url", "command", "args"];

/// Why a host's file cannot be merged, with the position: `:3:7  …`. Meant to follow the path of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MergeError(String);

// Of the content of the file it names the position alone.
impl Shown for MergeError {}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns `text` with `entry` in it, or `None` if it has that entry already.
///
/// Other keys of the entry, such as `env`, are kept.
///
/// # Errors
///
/// Returns an error if the text is not valid for the host.
pub(super) fn merge(
    text: &str,
    host: Host,
    entry: &Map<String, Value>,
) -> Result<Option<String>, MergeError> {
    let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mark = &text[..text.len() - body.len()];
    if body.trim().is_empty() {
        let whole = serde_json::json!({ host.key(): { SERVER: entry } });
        return Ok(Some(format!("{mark}{whole:#}\n")));
    }
    let options = options(host);
    check(body, host, &options)?;
    let root = CstRootNode::parse(body, &options).map_err(|error| syntax_error(body, host, &error))?;
    let before = root.to_serde_value();
    let top = root.object_value_or_set();
    let servers = top.object_value_or_set(host.key());
    set_entry(&servers.object_value_or_set(SERVER), entry);
    let after = root.to_serde_value();
    Ok((before != after).then(|| format!("{mark}{root}")))
}

fn options(host: Host) -> ParseOptions {
    ParseOptions {
        allow_comments: host.accepts_comments(),
        allow_trailing_commas: host.accepts_comments(),
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_extended_string_escapes: false,
        allow_non_finite_numbers: false,
    }
}

/// Checks that every value on the path to our entry is an object, and that no key on it is duplicated.
fn check(body: &str, host: Host, options: &ParseOptions) -> Result<(), MergeError> {
    let parsed =
        parse_to_ast(body, &Default::default(), options).map_err(|error| syntax_error(body, host, &error))?;
    if !host.accepts_comments() {
        check_strict_json(body, host)?;
    }
    let Some(mut value) = parsed.value else { return Ok(()) };
    for (depth, key) in [host.key(), SERVER].into_iter().enumerate() {
        let ast::Value::Object(object) = value else {
            let what = if depth == 0 { "the top level".to_owned() } else { format!("`{}`", host.key()) };
            return Err(error_at(body, value.range().start, &format!("{what} must be an object")));
        };
        let (ours, _): (Vec<ObjectProp>, Vec<_>) =
            object.properties.into_iter().partition(|property| property.name.as_str() == key);
        let mut ours = ours.into_iter();
        let Some(first) = ours.next() else { return Ok(()) };
        if let Some(second) = ours.next() {
            return Err(error_at(body, second.range.start, &format!("duplicate key `{key}`")));
        }
        value = first.value;
    }
    match value {
        ast::Value::Object(_) => Ok(()),
        other => Err(error_at(body, other.range().start, &format!("`{SERVER}` must be an object"))),
    }
}

/// Rejects what `jsonc_parser` accepts and JSON does not, for example a tab inside a string.
fn check_strict_json(body: &str, host: Host) -> Result<(), MergeError> {
    serde_json::from_str::<IgnoredAny>(body).map(|_| ()).map_err(|error| {
        let (line, column, text) = (error.line(), error.column(), error.to_string());
        let what = text.split(" at line ").next().unwrap_or_default();
        MergeError(format!(":{line}:{column}  not valid JSON for {}: {what}", host.title()))
    })
}

/// Sets the keys of `entry` in `ours`.
fn set_entry(ours: &CstObject, entry: &Map<String, Value>) {
    for key in TRANSPORT_KEYS.into_iter().filter(|key| !entry.contains_key(*key)) {
        if let Some(stale) = ours.get(key) {
            stale.remove();
        }
    }
    for (key, value) in entry {
        match ours.get(key) {
            Some(property)
                if property.value().and_then(|found| found.to_serde_value()).as_ref() == Some(value) => {}
            Some(property) => property.set_value(input(value)),
            None => drop(ours.append(key, input(value))),
        }
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(bool) => CstInputValue::Bool(*bool),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(object) => {
            CstInputValue::Object(object.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}

fn syntax_error(body: &str, host: Host, error: &jsonc_parser::errors::ParseError) -> MergeError {
    let what = format!("not valid JSON for {}: {}", host.title(), error.kind());
    error_at(body, error.range().start, &what)
}

/// Creates an error with the line and column of the byte `at`.
fn error_at(body: &str, at: usize, what: &str) -> MergeError {
    let before = body.get(..at).unwrap_or(body);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    MergeError(format!(":{line}:{column}  {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merge_into(text: &str, host: Host, entry: &Value) -> String {
        let entry = entry.as_object().unwrap();
        let after = merge(text, host, entry).unwrap().unwrap();
        assert_eq!(merge(&after, host, entry), Ok(None), "merging again changes nothing");
        after
    }

    #[test]
    fn control_characters_and_windows_line_breaks_are_kept() {
        let windows = json!({ "command": r#"C:\Programs\a "b"\cofferdam.exe"#, "args": ["\u{7f}ü\n"] });
        let after = merge_into("{\r\n\t\"mcpServers\": {\r\n\t}\r\n}\r\n", Host::Cursor, &windows);
        assert_eq!(serde_json::from_str::<Value>(&after).unwrap()["mcpServers"]["cofferdam"], windows);
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
    }

    #[test]
    fn other_keys_of_our_entry_are_kept() {
        let before = "{\"servers\": {\"cofferdam\": {\n  \"command\": \"x\", // ours\n  \"args\": [],\n  \"env\": {\"A\": \"b\"},\n}}}";
        let after =
            merge_into(before, Host::Vscode, &json!({ "type": "http", "url": "http://127.0.0.1:1/mcp" }));
        let value = CstRootNode::parse(&after, &options(Host::Vscode)).unwrap().to_serde_value().unwrap();
        let ours = json!({ "env": { "A": "b" }, "type": "http", "url": "http://127.0.0.1:1/mcp" });
        assert_eq!(value["servers"]["cofferdam"], ours, "{after}");
    }

    #[test]
    fn deeply_nested_json_is_rejected() {
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(merge(&deep, Host::Cursor, &Map::new()).is_err());
    }
}
