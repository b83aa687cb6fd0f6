//! One server into the text of a host's file. The text keeps its order, its layout and its comments: only what belongs to
//! this server is touched.

use std::fmt;

use jsonc_parser::ast::{self, ObjectProp};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use jsonc_parser::{ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::host::{Host, SERVER};

/// What Windows' editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The keys that say how a server is reached: those of the other way must not stay behind.
const REACHED_BY: [&str; 4] = ["type", "url", "command", "args"];

/// What is wrong with a host's file, and where: `:3:7 …`, to be put behind the file's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` with `entry` in it; nothing where it is there already.
///
/// What else somebody wrote into the entry, such as an `env`, stays.
///
/// # Errors
///
/// Where the text is not what the host reads, with the place.
pub(super) fn merged(text: &str, host: Host, entry: &Map<String, Value>) -> Result<Option<String>, Refused> {
    let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mark = &text[..text.len() - body.len()];
    if body.trim().is_empty() {
        let whole = serde_json::json!({ host.key(): { SERVER: entry } });
        return Ok(Some(format!("{mark}{whole:#}\n")));
    }
    let options = options(host);
    check(body, host, &options)?;
    let root = CstRootNode::parse(body, &options).map_err(|error| no_json(body, host, &error))?;
    let before = root.to_serde_value();
    let top = root.object_value_or_set();
    let servers = top.object_value_or_set(host.key());
    put(&servers.object_value_or_set(SERVER), entry);
    let after = root.to_serde_value();
    Ok((before != after).then(|| format!("{mark}{root}")))
}

fn options(host: Host) -> ParseOptions {
    ParseOptions {
        allow_comments: host.takes_comments(),
        allow_trailing_commas: host.takes_comments(),
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

/// Whether the way down to our entry is objects all along, each there once: of two, hosts take one, and nobody knows which.
fn check(body: &str, host: Host, options: &ParseOptions) -> Result<(), Refused> {
    let parsed =
        parse_to_ast(body, &Default::default(), options).map_err(|error| no_json(body, host, &error))?;
    if !host.takes_comments() {
        strict(body, host)?;
    }
    let Some(mut value) = parsed.value else { return Ok(()) };
    for (depth, key) in [host.key(), SERVER].into_iter().enumerate() {
        let ast::Value::Object(object) = value else {
            let what = if depth == 0 { "the file".to_owned() } else { format!("`{}`", host.key()) };
            return Err(refused(body, value.range().start, &format!("{what} must hold an object")));
        };
        let (ours, _): (Vec<ObjectProp>, Vec<_>) =
            object.properties.into_iter().partition(|property| property.name.as_str() == key);
        let mut ours = ours.into_iter();
        let Some(first) = ours.next() else { return Ok(()) };
        if let Some(second) = ours.next() {
            return Err(refused(body, second.range.start, &format!("`{key}` stands here a second time")));
        }
        value = first.value;
    }
    match value {
        ast::Value::Object(_) => Ok(()),
        other => Err(refused(body, other.range().start, &format!("`{SERVER}` must hold an object"))),
    }
}

/// What the parser above lets through and JSON does not have: a tab within a text, for one.
fn strict(body: &str, host: Host) -> Result<(), Refused> {
    serde_json::from_str::<IgnoredAny>(body).map(|_| ()).map_err(|error| {
        let (line, column, text) = (error.line(), error.column(), error.to_string());
        let what = text.split(" at line ").next().unwrap_or_default();
        Refused(format!(":{line}:{column}  is not the JSON that {} reads: {what}", host.title()))
    })
}

/// Gives `ours` the keys of `entry`.
fn put(ours: &CstObject, entry: &Map<String, Value>) {
    for key in REACHED_BY.into_iter().filter(|key| !entry.contains_key(*key)) {
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

fn no_json(body: &str, host: Host, error: &jsonc_parser::errors::ParseError) -> Refused {
    let what = format!("is not the JSON that {} reads: {}", host.title(), error.kind());
    refused(body, error.range().start, &what)
}

/// `what` with the line and column of the byte `at`.
fn refused(body: &str, at: usize, what: &str) -> Refused {
    let before = body.get(..at).unwrap_or(body);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Refused(format!(":{line}:{column}  {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put_into(text: &str, host: Host, entry: &Value) -> String {
        let entry = entry.as_object().unwrap();
        let after = merged(text, host, entry).unwrap().unwrap();
        assert_eq!(merged(&after, host, entry), Ok(None), "a second time changes nothing");
        after
    }

    #[test]
    fn a_text_of_any_kind_comes_back_as_it_went_in() {
        let windows = json!({ "command": r#"C:\Programs\a "b"\cofferdam.exe"#, "args": ["\u{7f}ü\n"] });
        let after = put_into("{\r\n\t\"mcpServers\": {\r\n\t}\r\n}\r\n", Host::Cursor, &windows);
        assert_eq!(serde_json::from_str::<Value>(&after).unwrap()["mcpServers"]["cofferdam"], windows);
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
    }

    #[test]
    fn what_somebody_added_to_our_entry_stays() {
        let before = "{\"servers\": {\"cofferdam\": {\n  \"command\": \"x\", // ours\n  \"args\": [],\n  \"env\": {\"A\": \"b\"},\n}}}";
        let after =
            put_into(before, Host::Vscode, &json!({ "type": "http", "url": "http://127.0.0.1:1/mcp" }));
        let value = CstRootNode::parse(&after, &options(Host::Vscode)).unwrap().to_serde_value().unwrap();
        let ours = json!({ "env": { "A": "b" }, "type": "http", "url": "http://127.0.0.1:1/mcp" });
        assert_eq!(value["servers"]["cofferdam"], ours, "{after}");
    }

    #[test]
    fn a_deep_text_is_refused_and_not_followed() {
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(merged(&deep, Host::Cursor, &Map::new()).is_err());
    }
}
