//! Values with placeholders for arguments, as a `query`, a `body` and headers have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_config::{quote, text};
use serde_json::{Map, Value};

use super::arguments::{Checker, Position};
use crate::connectors::decimal::plain;
use crate::connectors::failure::CallFailure;
use crate::placeholders::{Piece, pieces};

/// A JSON value with placeholders.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A value without placeholders.
    Constant(Value),
    /// An argument, with its JSON type.
    Argument(String),
    /// `{argument|base64}`: a string argument, encoded.
    Base64(String),
    /// A string with placeholders.
    Text(Vec<Part>),
    /// A table with at least one placeholder.
    Object(Vec<(String, Node)>),
    /// A list with at least one placeholder.
    Array(Vec<Node>),
}

/// A piece of a string with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Literal text.
    Literal(String),
    /// A placeholder.
    Argument(String),
}

/// The one encoding that a placeholder may ask for.
const BASE64: &str = "base64";

/// What the values of a template become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// JSON: an argument is sent as it is, also `null` and the digits of a number.
    Json,
    /// Text: an argument that is `null` is omitted, as if it were absent, and a number is in plain notation.
    Text,
}

impl Node {
    /// Parses the value at `key`. Problems are reported to `checker`, and an invalid string becomes `null`.
    pub(super) fn parse(value: &Value, key: &str, checker: &mut Checker<'_>) -> Self {
        match value {
            Value::String(text) => Self::parse_text(text, key, checker),
            Value::Array(items) => {
                let nodes: Vec<Self> = items
                    .iter()
                    .enumerate()
                    .map(|(i, v)| Self::parse(v, &format!("{key}.{i}"), checker))
                    .collect();
                if nodes.iter().all(Self::is_constant) {
                    Self::Constant(nodes.into_iter().filter_map(Self::into_constant).collect())
                } else {
                    Self::Array(nodes)
                }
            }
            Value::Object(entries) => {
                let nodes: Vec<(String, Self)> = entries
                    .iter()
                    .map(|(name, v)| (name.clone(), Self::parse(v, &format!("{key}.{name}"), checker)))
                    .collect();
                if nodes.iter().all(|(_, node)| node.is_constant()) {
                    let constants =
                        nodes.into_iter().filter_map(|(name, node)| Some((name, node.into_constant()?)));
                    Self::Constant(Value::Object(constants.collect()))
                } else {
                    Self::Object(nodes)
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Constant(value.clone()),
        }
    }

    fn parse_text(text: &str, key: &str, checker: &mut Checker<'_>) -> Self {
        let parts = match parse_parts(text) {
            Ok(parts) => parts,
            Err(why) => {
                checker.error(key, why, "write `{argument}`, and double a literal brace");
                return Self::Constant(Value::Null);
            }
        };
        match parts.as_slice() {
            [] => Self::Constant(Value::String(String::new())),
            [Part::Literal(literal)] => Self::Constant(Value::String(literal.clone())),
            [Part::Argument(name)] => Self::parse_argument(name, key, checker),
            _ => {
                for name in parts.iter().filter_map(Part::argument) {
                    checker.uses(key, name, Position::Embedded);
                }
                Self::Text(parts)
            }
        }
    }

    /// A placeholder that is the whole string: `{name}` or `{name|base64}`.
    fn parse_argument(text: &str, key: &str, checker: &mut Checker<'_>) -> Self {
        let (name, encoding) = text.split_once('|').map_or((text, None), |(name, how)| (name, Some(how)));
        if let Some(unknown) = encoding.filter(|how| *how != BASE64) {
            let why = text!("uses the unknown encoding {}", quote::string(unknown));
            checker.error(key, why, text!("write `{{argument}}` or `{{argument|{BASE64}}}`"));
        }
        checker.uses(key, name, Position::Whole);
        if encoding.is_some() { Self::Base64(name.to_owned()) } else { Self::Argument(name.to_owned()) }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    fn into_constant(self) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The value with the arguments in it. Returns `None` if there is nothing to send.
    ///
    /// # Errors
    ///
    /// If an argument inside a string is not a string, number or boolean, an argument to encode is not a string, or a
    /// number has no plain notation.
    pub(super) fn render(
        &self,
        arguments: &Map<String, Value>,
        target: Target,
    ) -> Result<Option<Value>, CallFailure> {
        Ok(match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Argument(name) => match (arguments.get(name), target) {
                (argument, Target::Json) => argument.cloned(),
                (None | Some(Value::Null), Target::Text) => None,
                (Some(argument), Target::Text) => Some(plain_numbers(name, argument)?),
            },
            Self::Base64(name) => match arguments.get(name) {
                Some(Value::String(text)) => Some(Value::String(STANDARD.encode(text))),
                Some(Value::Null) if target == Target::Json => Some(Value::Null),
                None | Some(Value::Null) => None,
                Some(_) => return Err(invalid(name, "must be a string")),
            },
            Self::Text(parts) => Some(Value::String(render_parts(parts, arguments)?)),
            Self::Object(entries) => {
                let mut object = Map::new();
                for (name, node) in entries {
                    if let Some(value) = node.render(arguments, target)? {
                        object.insert(name.clone(), value);
                    }
                }
                Some(object).filter(|object| !object.is_empty()).map(Value::Object)
            }
            Self::Array(nodes) => {
                let mut items = Vec::new();
                for node in nodes {
                    items.extend(node.render(arguments, target)?);
                }
                Some(items).filter(|items| !items.is_empty()).map(Value::Array)
            }
        })
    }
}

impl Part {
    pub(super) fn argument(&self) -> Option<&str> {
        match self {
            Self::Argument(name) => Some(name),
            Self::Literal(_) => None,
        }
    }
}

/// Splits a string into literal text and placeholders.
///
/// # Errors
///
/// What is wrong with its braces.
pub(super) fn parse_parts(text: &str) -> Result<Vec<Part>, &'static str> {
    let part = |piece| match piece {
        Piece::Literal(text) => Part::Literal(text),
        Piece::Name(name) => Part::Argument(name),
    };
    Ok(pieces(text)?.into_iter().map(part).collect())
}

/// The string with the arguments in it.
///
/// # Errors
///
/// If an argument is absent, or is not a string, number or boolean.
pub(super) fn render_parts(parts: &[Part], arguments: &Map<String, Value>) -> Result<String, CallFailure> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Argument(name) => text.push_str(&argument_text(name, arguments)?),
        }
    }
    Ok(text)
}

/// The argument `name` as a string.
///
/// # Errors
///
/// If it is absent, or is not a string, number or boolean.
pub(super) fn argument_text(name: &str, arguments: &Map<String, Value>) -> Result<String, CallFailure> {
    let argument = arguments.get(name).map(|argument| plain_numbers(name, argument)).transpose()?;
    argument
        .as_ref()
        .and_then(scalar_text)
        .ok_or_else(|| invalid(name, "must be a string, a number or a boolean"))
}

/// The argument with its numbers, also those of a list or an object, as strings in plain notation.
///
/// # Errors
///
/// If a number has none.
fn plain_numbers(name: &str, argument: &Value) -> Result<Value, CallFailure> {
    Ok(match argument {
        Value::Number(number) => Value::String(plain(number).ok_or_else(|| {
            invalid(name, "must not have so large an exponent, because it is sent as text")
        })?),
        Value::Array(items) => {
            let items = items.iter().map(|item| plain_numbers(name, item));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| Ok((key.clone(), plain_numbers(name, value)?)));
            Value::Object(entries.collect::<Result<_, CallFailure>>()?)
        }
        other => other.clone(),
    })
}

/// A string, number or boolean as a string.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The failure of an invalid argument. Never shows its value.
pub(super) fn invalid(name: &str, why: &str) -> CallFailure {
    CallFailure::InvalidArguments { message: format!("argument `{name}` {why}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::arguments::DeclaredArgument;
    use super::*;

    fn parse(value: Value) -> (Node, Vec<String>) {
        let declared = ["a", "b"].map(|name| DeclaredArgument { name, required: name == "a" });
        let mut checker = Checker::new(&declared);
        let node = Node::parse(&value, "body", &mut checker);
        (node, checker.finish().into_iter().map(|diagnostic| diagnostic.message.to_string()).collect())
    }

    fn render(template: Value, arguments: Value, target: Target) -> Option<Value> {
        parse(template).0.render(arguments.as_object().unwrap(), target).unwrap()
    }

    #[test]
    fn a_placeholder_that_is_the_whole_string_keeps_its_type() {
        let rendered =
            render(json!({ "x": "{a}", "y": "n={b}" }), json!({ "a": [1, {}], "b": 2 }), Target::Json);
        assert_eq!(rendered, Some(json!({ "x": [1, {}], "y": "n=2" })));
    }

    #[test]
    fn a_container_of_absent_arguments_only_is_omitted() {
        let template = json!({ "deep": { "list": ["{a}"] }, "kept": { "k": 1, "b": "{b}" } });
        assert_eq!(render(template, json!({}), Target::Json), Some(json!({ "kept": { "k": 1 } })));
        assert_eq!(render(json!({ "x": "{a}" }), json!({}), Target::Json), None);
    }

    #[test]
    fn null_is_sent_only_if_asked_for() {
        assert_eq!(render(json!("{a}"), json!({ "a": null }), Target::Json), Some(Value::Null));
        assert_eq!(render(json!("{a}"), json!({ "a": null }), Target::Text), None);
    }

    #[test]
    fn a_number_keeps_its_digits_in_json_and_is_plain_in_text() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let arguments =
            json!({ "a": number("42.0"), "b": [number("1.50"), number("12345678901234567890123")] });
        assert_eq!(render(json!("{a}"), arguments.clone(), Target::Json).unwrap().to_string(), "42.0");
        assert_eq!(render(json!("{a}"), arguments.clone(), Target::Text), Some(json!("42")));
        assert_eq!(
            render(json!("{b}"), arguments.clone(), Target::Text),
            Some(json!(["1.5", "12345678901234567890123"]))
        );
        assert_eq!(render(json!("n={a}"), arguments, Target::Json), Some(json!("n=42")));
        let (node, _) = parse(json!("{a}"));
        let large = json!({ "a": number("1e100000") });
        assert!(node.render(large.as_object().unwrap(), Target::Text).is_err());
        assert_eq!(node.render(large.as_object().unwrap(), Target::Json).unwrap(), Some(number("1e100000")));
    }

    #[test]
    fn doubled_braces_are_themselves() {
        let (node, _) = parse(json!("{{a}} is {a}"));
        let text = node.render(json!({ "a": "x" }).as_object().unwrap(), Target::Json).unwrap();
        assert_eq!(text, Some(json!("{a} is x")));
    }

    #[test]
    fn an_argument_is_used_exactly_once() {
        assert_eq!(parse(json!(["{a}", "{b}"])).1, Vec::<String>::new());
        assert!(parse(json!(["{a}", "{b}", "{a}"])).1[0].contains("uses already"));
        assert!(parse(json!("{a}")).1[0].contains("\"b\" is declared and not used"));
        assert!(parse(json!(["{a}", "{b}", "{c}"])).1[0].contains("does not declare"));
    }

    #[test]
    fn an_optional_argument_is_not_embedded_in_a_string() {
        assert!(parse(json!(["{a}", "n={b}"])).1[0].contains("may omit"));
        assert_eq!(parse(json!(["n={a}", "{b}"])).1, Vec::<String>::new());
    }

    #[test]
    fn a_string_is_encoded_if_the_template_says_so() {
        let rendered = render(json!(["{a|base64}", "{b|base64}"]), json!({ "a": "Größe\n" }), Target::Json);
        assert_eq!(rendered, Some(json!(["R3LDtsOfZQo="])));
        assert_eq!(render(json!("{a|base64}"), json!({ "a": null }), Target::Json), Some(Value::Null));
        assert_eq!(render(json!("{a|base64}"), json!({ "a": null }), Target::Text), None);
        let (node, _) = parse(json!("{a|base64}"));
        assert!(node.render(json!({ "a": 7 }).as_object().unwrap(), Target::Json).is_err());
        let messages = parse(json!(["{a|rot13}", "{b}"])).1;
        assert_eq!(messages, ["uses the unknown encoding \"rot13\""]);
        assert!(parse(json!(["{b}", "a {a|base64}"])).1[0].contains("does not declare"));
    }

    #[test]
    fn an_unpaired_brace_is_reported() {
        for bad in ["{", "}", "{}", "{a", "a}", "{a{b}"] {
            assert!(parse_parts(bad).is_err(), "{bad}");
        }
    }
}
