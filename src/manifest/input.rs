//! A tool's `input`: the JSON Schema of its arguments.
//!
//! A schema is checked against the meta-schema at start, which is cheap, and compiled on first use, which is not. Only
//! one whose keywords the meta-schema cannot judge (`$ref`, `pattern`) is compiled at start too, so that no call finds
//! a tool that cannot check its arguments.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::DeValue;

use super::section::{Report, Section};
use crate::names::{listed, nearest};

/// How long an argument's description may be, in characters.
const DESCRIPTION_MAX: usize = 1024;

/// Keywords that would let a schema reach out of its own document, or move what `#` means in it.
const FOREIGN: [&str; 7] =
    ["$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$vocabulary"];

/// Keywords of JSON Schema 2020-12 that a tool's `input` may have at its top.
const TOP: [&str; 24] = [
    "$comment",
    "$defs",
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "examples",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "properties",
    "required",
    "then",
    "title",
    "type",
];

static META: LazyLock<jsonschema::meta::MetaValidator<'static>> =
    LazyLock::new(jsonschema::draft202012::meta::validator);

/// Reads the `input` of a tool: an object schema without further properties. `None` where it is refused; that has been
/// reported.
pub(super) fn read(tool: &Section<'_>) -> Option<Map<String, Value>> {
    let mut schema = Map::new();
    if let Some(value) = tool.get("input") {
        let input = tool.as_table(
            "input",
            value,
            "`input.properties.NAME = { type = \"string\", description = \"…\" }`",
        )?;
        input.only(&TOP);
        for (name, value) in input.entries() {
            schema.insert(name.to_owned(), to_json(input.report, &input.key_of(name), value)?);
        }
        Checked { input: &input, needs_compiling: false }.run(&schema)?;
    }
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema.entry("properties").or_insert_with(|| json!({}));
    Some(schema)
}

/// Compiles a schema that [`read`] gave.
///
/// # Errors
///
/// What the schema's author got wrong.
pub(super) fn compile(schema: &Map<String, Value>) -> Result<Validator, String> {
    // A schema's own error may quote the schema, which is the manifest's text and holds no secret.
    jsonschema::draft202012::new(&Value::Object(schema.clone())).map_err(|error| error.to_string())
}

struct Checked<'a> {
    input: &'a Section<'a>,
    needs_compiling: bool,
}

impl Checked<'_> {
    fn run(mut self, schema: &Map<String, Value>) -> Option<()> {
        let whole = Value::Object(schema.clone());
        // To say that it is one takes a fraction of the time that it takes to look for errors.
        if !META.is_valid(&whole) {
            for error in META.iter_errors(&whole) {
                let key = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
                let remedy = "write it as JSON Schema 2020-12 has it";
                self.refuse(&key, format!("is no JSON Schema: {}", error.masked()), remedy);
            }
            return None;
        }
        let mut good = self.object(schema) & self.arguments(schema) & self.walk("", &whole);
        if good
            && self.needs_compiling
            && let Err(error) = compile(schema)
        {
            self.refuse("", format!("cannot be compiled: {error}"), "mend the `$ref` or the `pattern`");
            good = false;
        }
        good.then_some(())
    }

    fn refuse(&self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        let full = if key.is_empty() { self.input.key.clone() } else { self.input.key_of(key) };
        self.input.report.add(self.input.place_of(key), full, message, remedy);
    }

    fn object(&self, schema: &Map<String, Value>) -> bool {
        let mut good = true;
        if schema.get("type").is_some_and(|kind| kind != "object") {
            self.refuse("type", "is not `object`", "leave it out: arguments are always an object");
            good = false;
        }
        if schema.get("additionalProperties").is_some_and(|more| more != false) {
            let remedy = "leave it out: a tool takes the arguments that it declares and no others";
            self.refuse("additionalProperties", "is not `false`", remedy);
            good = false;
        }
        good
    }

    /// The rules for the declared arguments; the meta-schema has seen that `properties` holds schemas.
    fn arguments(&self, schema: &Map<String, Value>) -> bool {
        let mut good = true;
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, argument) in properties.into_iter().flatten() {
            let key = format!("properties.{name}");
            if !is_argument_name(name) {
                let remedy = "use up to 64 letters, digits, `_` and `-`, beginning with a letter or `_`";
                self.refuse(&key, "is no name for an argument", remedy);
                good = false;
            }
            if let Some(text) = argument.get("description").and_then(Value::as_str) {
                let length = text.chars().count();
                if text.trim().is_empty() || length > DESCRIPTION_MAX {
                    let message = format!("has a description of {length} characters");
                    self.refuse(
                        &key,
                        message,
                        format!("say in 1 to {DESCRIPTION_MAX} characters what it is"),
                    );
                    good = false;
                }
            }
        }
        let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        for name in
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !names.contains(&name) {
                let remedy = match nearest(name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if names.is_empty() => "declare it under `input.properties`".to_owned(),
                    None => format!(
                        "declare it under `input.properties`; there are {}",
                        listed(names.iter().copied())
                    ),
                };
                self.refuse(
                    "required",
                    format!("names `{}`, which is not declared", name.escape_debug()),
                    remedy,
                );
                good = false;
            }
        }
        good
    }

    /// Looks through the schema at `key` and all below it for keywords that leave the document.
    fn walk(&mut self, key: &str, schema: &Value) -> bool {
        let Value::Object(keywords) = schema else { return true };
        let mut good = true;
        for (keyword, value) in keywords {
            let at = if key.is_empty() { keyword.clone() } else { format!("{key}.{keyword}") };
            match keyword.as_str() {
                "$ref" => {
                    self.needs_compiling = true;
                    if !value.as_str().is_some_and(|target| target == "#" || target.starts_with("#/")) {
                        self.refuse(
                            &at,
                            "points out of this schema",
                            "point to `#/$defs/NAME` in the same `input`",
                        );
                        good = false;
                    }
                }
                foreign if FOREIGN.contains(&foreign) => {
                    self.refuse(
                        &at,
                        "has no place in a tool's input",
                        "leave it out: JSON Schema 2020-12 is meant",
                    );
                    good = false;
                }
                "const" | "enum" | "default" | "examples" | "required" | "dependentRequired" => {}
                "properties" | "$defs" | "patternProperties" | "dependentSchemas" => {
                    self.needs_compiling |= keyword == "patternProperties";
                    for (name, schema) in value.as_object().into_iter().flatten() {
                        good &= self.walk(&format!("{at}.{name}"), schema);
                    }
                }
                "pattern" => self.needs_compiling = true,
                _ => match value {
                    Value::Array(schemas) => {
                        for (index, schema) in schemas.iter().enumerate() {
                            good &= self.walk(&format!("{at}.{index}"), schema);
                        }
                    }
                    schema => good &= self.walk(&at, schema),
                },
            }
        }
        good
    }
}

fn is_argument_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    name.len() <= 64
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(inner)
}

/// A TOML value as JSON; what JSON has no form for is reported.
fn to_json(report: &Report, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Value> {
    let refuse = |message: &str, remedy: &str| {
        report.add(value.span(), key, message, remedy);
        None
    };
    match value.get_ref() {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Some(Value::from(number)),
            Err(_) => refuse("does not fit 64 bits", "write a smaller number"),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Some(Value::from(number)),
            _ => refuse("is not a finite number", "write a finite number"),
        },
        DeValue::Datetime(_) => {
            refuse("is a date, which JSON does not have", "put it in quotes to mean a text")
        }
        DeValue::Array(list) => {
            let values = list
                .iter()
                .enumerate()
                .map(|(index, value)| to_json(report, &format!("{key}.{index}"), value));
            values.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(name, value)| {
                let name = name.get_ref().to_string();
                Some((name.clone(), to_json(report, &format!("{key}.{}", name.escape_debug()), value)?))
            });
            entries.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}
