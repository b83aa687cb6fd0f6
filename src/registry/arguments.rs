//! Whether the arguments of a call fit a tool, said so that a model can mend them.

use std::fmt::Write as _;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Map, Value};

use super::manifest::compile;
use super::tool::Tool;
use crate::names::{listed, nearest};

/// How many misfits are told at once; a model that has mended these may call again.
const TOLD_MAX: usize = 8;

/// How much of a name or of an expected value is told, in characters.
const SHOWN_CHARS: usize = 64;

/// How much of a reason in the schema's own terms is told, in characters.
const REASON_CHARS: usize = 200;

/// How many of the values that may be are told.
const CHOICES_MAX: usize = 20;

impl Tool {
    /// Checks a call's arguments against the input schema, which is compiled on first use.
    ///
    /// # Errors
    ///
    /// What does not fit: which argument, and what is expected. Short, for a model, and without the values that were
    /// sent: a value may be long, or hold a secret.
    pub fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let compiled = self.validator.get_or_init(|| compile(&self.operation.input_schema));
        let Ok(validator) = compiled else {
            return Err("the tool's own input schema is broken; its manifest must be mended".to_owned());
        };
        // The validator wants a value that it can own; calls are small beside what they set off.
        let arguments = Value::Object(arguments.clone());
        if validator.is_valid(&arguments) {
            return Ok(());
        }
        let mut told = String::new();
        let mut errors = validator.iter_errors(&arguments);
        for error in errors.by_ref().take(TOLD_MAX) {
            if !told.is_empty() {
                told.push_str("; ");
            }
            told.push_str(&self.misfit(&error));
        }
        if errors.next().is_some() {
            told.push_str("; and more");
        }
        Err(told)
    }

    fn misfit(&self, error: &ValidationError<'_>) -> String {
        let place = place(error);
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                match place.as_str() {
                    "" => format!("the argument `{name}` is missing"),
                    within => format!("`{within}` lacks `{name}`"),
                }
            }
            ValidationErrorKind::AdditionalProperties { unexpected } if place.is_empty() => {
                let known: Vec<&str> = self
                    .operation
                    .input_schema
                    .get("properties")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(|properties| properties.keys().map(String::as_str))
                    .collect();
                unknown(unexpected, &known)
            }
            ValidationErrorKind::Type { kind } => format!("{} must be {}", named(&place), types(kind)),
            ValidationErrorKind::Enum { options } => {
                format!("{} must be {}", named(&place), choices(options))
            }
            ValidationErrorKind::Constant { expected_value } => {
                format!("{} must be {}", named(&place), shown(&expected_value.to_string()))
            }
            // The rest says what is expected in terms of the schema; masked, it leaves the sent value out.
            ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
                format!("{} fits none of the forms that the schema allows", named(&place))
            }
            ValidationErrorKind::AdditionalProperties { .. } => {
                format!("{} has a key that the schema does not allow", named(&place))
            }
            kind => {
                let why = bounded(&error.masked_with("it").to_string(), REASON_CHARS);
                format!("{} does not keep to `{}`: {why}", named(&place), kind.keyword())
            }
        }
    }
}

/// Where the misfit is: `labels.0`; empty for the arguments as a whole.
fn place(error: &ValidationError<'_>) -> String {
    let pointer = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    shown(&pointer)
}

fn named(place: &str) -> String {
    if place.is_empty() { "the arguments".to_owned() } else { format!("`{place}`") }
}

fn shown(text: &str) -> String {
    bounded(text, SHOWN_CHARS)
}

/// `text` without control characters, and not longer than `max` characters.
fn bounded(text: &str, max: usize) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(max).map(plain).collect();
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

fn unknown(unexpected: &[String], known: &[&str]) -> String {
    let mut told = String::new();
    for name in unexpected.iter().take(TOLD_MAX) {
        if !told.is_empty() {
            told.push_str("; ");
        }
        // Writing to a String cannot fail.
        let _ = write!(told, "there is no argument `{}`", shown(name));
        if let Some(near) = nearest(name, known.iter().copied()) {
            let _ = write!(told, ", did you mean `{near}`?");
        }
    }
    told
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
            names.join(" or ")
        }
    }
}

fn choices(options: &Value) -> String {
    let Some(options) = options.as_array() else { return "one of the schema's values".to_owned() };
    let texts: Vec<String> = options
        .iter()
        .take(CHOICES_MAX)
        .map(|option| shown(option.as_str().map_or_else(|| option.to_string(), str::to_owned).as_str()))
        .collect();
    let more = if options.len() > CHOICES_MAX { " or another of the schema's" } else { "" };
    format!("one of {}{more}", listed(texts.iter().map(String::as_str)))
}
