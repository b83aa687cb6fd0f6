//! Checks a call's arguments, and explains what is wrong so that a model can correct them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cofferdam_config::suggestions::{list, nearest};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::{Map, Value};

use super::input::compile;

/// The maximum number of mistakes in one message. A model that has corrected these may call again.
const MAX_MISTAKES: usize = 8;

/// The maximum length of a name or an expected value in a message, in characters.
const MAX_QUOTED_CHARS: usize = 64;

/// The maximum length of a reason in the terms of JSON Schema, in characters.
const MAX_REASON_CHARS: usize = 200;

/// The maximum number of allowed values that a message lists.
const MAX_CHOICES: usize = 20;

/// The input schema of a tool, compiled on first use.
#[derive(Debug)]
pub(super) struct ArgumentValidator {
    schema: Arc<Map<String, Value>>,
    /// An error if the schema cannot be compiled, which the manifest's check should have found.
    compiled: OnceLock<Result<Validator, String>>,
}

impl ArgumentValidator {
    /// Compiles nothing yet.
    pub(super) fn new(schema: Arc<Map<String, Value>>) -> Self {
        Self { schema, compiled: OnceLock::new() }
    }

    /// Whether the schema has been compiled.
    #[cfg(test)]
    pub(super) fn is_compiled(&self) -> bool {
        self.compiled.get().is_some()
    }

    /// See [`Tool::check`](super::Tool::check).
    pub(super) fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let compiled = self.compiled.get_or_init(|| compile(&self.schema));
        let Ok(validator) = compiled else {
            return Err("the input schema of this tool is invalid; its manifest must be corrected".to_owned());
        };
        // The validator takes a `Value`. Arguments are small compared with the call that they are for.
        let arguments = Value::Object(arguments.clone());
        if validator.is_valid(&arguments) {
            return Ok(());
        }
        let mut errors = validator.iter_errors(&arguments);
        let mut mistakes: Vec<String> =
            errors.by_ref().take(MAX_MISTAKES).map(|error| self.explain(&error)).collect();
        if errors.next().is_some() {
            mistakes.push("and more".to_owned());
        }
        Err(mistakes.join("; "))
    }

    /// What is wrong, and what is expected. Never quotes the value that was sent.
    fn explain(&self, error: &ValidationError<'_>) -> String {
        use ValidationErrorKind as Kind;

        let path = path(error);
        let name = if path.is_empty() { "the arguments".to_owned() } else { format!("`{path}`") };
        let must = |expected: String| format!("{name} must {expected}");
        match error.kind() {
            Kind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                match path.as_str() {
                    "" => format!("the argument `{key}` is missing"),
                    _ => must(format!("have the key `{key}`")),
                }
            }
            Kind::AdditionalProperties { unexpected } if path.is_empty() => {
                self.unknown(unexpected, error.instance())
            }
            Kind::AdditionalProperties { .. } => format!("{name} has a key that the schema does not allow"),
            Kind::Type { kind } if is_written_list(kind, error.instance()) => {
                must(format!("be {}; did you mean a list of its parts?", types(kind)))
            }
            Kind::Type { kind } => must(format!("be {}", types(kind))),
            Kind::Enum { options } => must(format!("be {}", choices(options))),
            Kind::Constant { expected_value } => must(format!("be {}", quoted(&expected_value.to_string()))),
            Kind::Maximum { limit } => must(format!("be at most {limit}")),
            Kind::Minimum { limit } => must(format!("be at least {limit}")),
            Kind::ExclusiveMaximum { limit } => must(format!("be less than {limit}")),
            Kind::ExclusiveMinimum { limit } => must(format!("be greater than {limit}")),
            Kind::MultipleOf { multiple_of } => must(format!("be a multiple of {multiple_of}")),
            Kind::MaxLength { limit } => must(format!("have at most {}", counted(*limit, "character"))),
            Kind::MinLength { limit } => must(format!("have at least {}", counted(*limit, "character"))),
            Kind::MaxItems { limit } => must(format!("have at most {}", counted(*limit, "item"))),
            Kind::MinItems { limit } => must(format!("have at least {}", counted(*limit, "item"))),
            Kind::MaxProperties { limit } => must(format!("have at most {}", counted(*limit, "key"))),
            Kind::MinProperties { limit } => must(format!("have at least {}", counted(*limit, "key"))),
            Kind::UniqueItems => must("not have the same item twice".to_owned()),
            Kind::Pattern { pattern } => must(format!("match the pattern `{}`", quoted(pattern))),
            Kind::Format { format } => must(format!("have the format `{}`", quoted(format))),
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
                format!("{name} matches none of the schemas that are allowed")
            }
            // The rest is explained in the terms of JSON Schema, with the value masked.
            kind => {
                let why = bounded(&error.masked_with("it").to_string(), MAX_REASON_CHARS);
                format!("{name} does not satisfy `{}`: {why}", kind.keyword())
            }
        }
    }

    /// Names that the schema does not declare, with those that were probably meant: similar ones, or the only one that is
    /// missing for the only one that is too many.
    fn unknown(&self, unexpected: &[String], arguments: &Value) -> String {
        let known = || {
            let properties = self.schema.get("properties").and_then(Value::as_object);
            properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
        };
        let required = self.schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let mut missing = required.filter_map(Value::as_str).filter(|name| arguments.get(name).is_none());
        let only_missing = missing.next().filter(|_| missing.next().is_none() && unexpected.len() == 1);
        let explain = |name: &String| {
            let near = nearest(name, known()).or(only_missing);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("unknown argument `{}`{near}", quoted(name))
        };
        unexpected.iter().take(MAX_MISTAKES).map(explain).collect::<Vec<_>>().join("; ")
    }
}

/// The path of the wrong value: `labels.0`; empty for the arguments as a whole.
fn path(error: &ValidationError<'_>) -> String {
    let pointer = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    quoted(&pointer)
}

fn quoted(text: &str) -> String {
    bounded(text, MAX_QUOTED_CHARS)
}

/// `text` without control characters, and at most `max` characters of it.
fn bounded(text: &str, max: usize) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(max).map(plain).collect();
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(JsonType::Integer) => "an integer, for example 7".to_owned(),
        TypeKind::Single(JsonType::Number) => "a number, for example 1.5".to_owned(),
        TypeKind::Single(JsonType::Boolean) => "true or false".to_owned(),
        TypeKind::Single(single) => with_article(single),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|single| with_article(&single)).collect();
            names.join(" or ")
        }
    }
}

/// Whether a list is expected, and `value` is a string that may be one in another notation than JSON.
fn is_written_list(kind: &TypeKind, value: &Value) -> bool {
    let list = match kind {
        TypeKind::Single(single) => *single == JsonType::Array,
        TypeKind::Multiple(several) => several.iter().any(|single| single == JsonType::Array),
    };
    list && value.as_str().is_some_and(|text| text.contains([',', ';', '|', '\n']))
}

/// A type of JSON Schema with its article: `a string`, `an integer`, `null`.
fn with_article(kind: &impl fmt::Display) -> String {
    let name = kind.to_string();
    match name.as_str() {
        "null" => name,
        "array" | "integer" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn choices(options: &Value) -> String {
    let Some(options) = options.as_array() else { return "one of the schema's values".to_owned() };
    let strings: Vec<String> = options
        .iter()
        .take(MAX_CHOICES)
        .map(|option| quoted(option.as_str().map_or_else(|| option.to_string(), str::to_owned).as_str()))
        .collect();
    let more = if options.len() > MAX_CHOICES { " or another of the schema's" } else { "" };
    format!("one of {}{more}", list(strings.iter().map(String::as_str)))
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
