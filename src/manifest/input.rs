//! A tool's `input`: the JSON Schema of its arguments.
//!
//! At startup a schema is checked against the meta-schema, which is cheap. It is compiled on first use, which is not. The
//! meta-schema cannot check some keywords (`$ref`, `pattern`), so a schema that has one of them is compiled at startup too.

use std::sync::LazyLock;

use cofferdam_config::document::{TableReader, float, integer};
use cofferdam_config::quote::{named, string};
use cofferdam_config::suggestions::{alternatives, list, suggestion};
use cofferdam_config::{Diagnostic, Text, text};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::DeValue;

/// The maximum length of an argument's description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Keywords that would let a schema refer to another document, or change the meaning of `#` in it.
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

/// Reads the `input` of a tool: an object schema without further properties. `None` if it is wrong; that has been reported.
pub(super) fn read(tool: &TableReader<'_>) -> Option<Map<String, Value>> {
    let mut schema = Map::new();
    if let Some(value) = tool.get("input") {
        let example = "input.properties.NAME = { type = \"string\", description = \"…\" }";
        let input = tool.as_table("input", value, example)?;
        input.deny_unknown_keys(&TOP);
        for (name, value) in input.entries() {
            schema.insert(name.to_owned(), to_json(&input, name, value)?);
        }
        SchemaCheck { input: &input, needs_compiling: false }.run(&schema)?;
    }
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema.entry("properties").or_insert_with(|| json!({}));
    Some(schema)
}

/// Compiles a schema that [`read`] returned.
///
/// # Errors
///
/// What is wrong with the schema.
pub(super) fn compile(schema: &Map<String, Value>) -> Result<Validator, String> {
    // The error may quote the schema, which is part of the manifest and not a secret.
    jsonschema::draft202012::new(&Value::Object(schema.clone())).map_err(|error| error.to_string())
}

/// A check of one schema.
struct SchemaCheck<'a> {
    input: &'a TableReader<'a>,
    needs_compiling: bool,
}

impl SchemaCheck<'_> {
    fn run(mut self, schema: &Map<String, Value>) -> Option<()> {
        let whole = Value::Object(schema.clone());
        // Whether it is valid is much cheaper to find out than what is wrong with it.
        if !META.is_valid(&whole) {
            for error in META.iter_errors(&whole) {
                let pointer = error.instance_path().as_str();
                let key = pointer.trim_start_matches('/').replace('/', ".");
                let found = unknown_type(pointer, &whole).unwrap_or_else(|| {
                    // Masked, it names the keywords that do not fit, and no value.
                    let masked = Text::unchecked(error.masked());
                    let message = text!("not valid JSON Schema: {masked}");
                    Diagnostic::error("", message, "correct it according to JSON Schema 2020-12")
                });
                self.input.push(found.below(&key));
            }
            return None;
        }
        let mut valid = self.object(schema) & self.arguments(schema) & self.walk("", &whole);
        if valid && self.needs_compiling && compile(schema).is_err() {
            // The error quotes the pattern.
            self.error("", "cannot be compiled", "correct the `$ref` or the `pattern`");
            valid = false;
        }
        valid.then_some(())
    }

    fn error(&self, key: &str, message: impl Into<Text>, help: impl Into<Text>) {
        self.input.error(key, message, help);
    }

    fn object(&self, schema: &Map<String, Value>) -> bool {
        let mut valid = true;
        if schema.get("type").is_some_and(|kind| kind != "object") {
            self.error("type", "must be \"object\"", "remove it: arguments are always an object");
            valid = false;
        }
        if schema.get("additionalProperties").is_some_and(|more| more != false) {
            let help = "remove it: a tool takes only the arguments that it declares";
            self.error("additionalProperties", "must be false", help);
            valid = false;
        }
        valid
    }

    /// The rules for the declared arguments; the meta-schema has seen that `properties` holds schemas.
    fn arguments(&self, schema: &Map<String, Value>) -> bool {
        let mut valid = true;
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, argument) in properties.into_iter().flatten() {
            let key = format!("properties.{name}");
            if !is_argument_name(name) {
                let help = "use 1 to 64 letters, digits, _ and -, starting with a letter or _";
                self.error(&key, "not a valid argument name", help);
                valid = false;
            }
            if let Some(text) = argument.get("description").and_then(Value::as_str) {
                let length = text.chars().count();
                if text.trim().is_empty() || length > MAX_DESCRIPTION_CHARS {
                    self.error(
                        &key,
                        text!("has a description of {length} characters"),
                        text!("describe it in 1 to {MAX_DESCRIPTION_CHARS} characters"),
                    );
                    valid = false;
                }
            }
        }
        let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        for name in
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !names.contains(&name) {
                let help = match suggestion(name, names.iter().copied()) {
                    Some(suggestion) => suggestion,
                    None if names.is_empty() => "declare it under `input.properties`".into(),
                    None => text!(
                        "declare it under `input.properties`; the arguments are {}",
                        list(names.iter().copied())
                    ),
                };
                self.error("required", text!("{} is not declared", named("argument", name)), help);
                valid = false;
            }
        }
        valid
    }

    /// Checks the schema at `key` and everything below it for keywords that refer to another document.
    fn walk(&mut self, key: &str, schema: &Value) -> bool {
        let Value::Object(keywords) = schema else { return true };
        let mut valid = true;
        for (keyword, value) in keywords {
            let at = if key.is_empty() { keyword.clone() } else { format!("{key}.{keyword}") };
            match keyword.as_str() {
                "$ref" => {
                    self.needs_compiling = true;
                    if !value.as_str().is_some_and(|target| target == "#" || target.starts_with("#/")) {
                        self.error(
                            &at,
                            "must not refer to another document",
                            "refer to `#/$defs/NAME` in the same `input`",
                        );
                        valid = false;
                    }
                }
                foreign if FOREIGN.contains(&foreign) => {
                    self.error(
                        &at,
                        "is not allowed in a tool's input",
                        "remove it: the input is always JSON Schema 2020-12",
                    );
                    valid = false;
                }
                "const" | "enum" | "default" | "examples" | "required" | "dependentRequired" => {}
                "properties" | "$defs" | "patternProperties" | "dependentSchemas" => {
                    self.needs_compiling |= keyword == "patternProperties";
                    for (name, schema) in value.as_object().into_iter().flatten() {
                        valid &= self.walk(&format!("{at}.{name}"), schema);
                    }
                }
                "pattern" => self.needs_compiling = true,
                _ => match value {
                    Value::Array(schemas) => {
                        for (index, schema) in schemas.iter().enumerate() {
                            valid &= self.walk(&format!("{at}.{index}"), schema);
                        }
                    }
                    schema => valid &= self.walk(&at, schema),
                },
            }
        }
        valid
    }
}

fn is_argument_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    name.len() <= 64
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(inner)
}

/// A diagnostic if the value at `pointer` is the name of a type that does not exist.
fn unknown_type(pointer: &str, schema: &Value) -> Option<Diagnostic> {
    let mut segments = pointer.rsplit('/');
    let is_keyword = segments.next() == Some("type")
        // Below these a `type` is a name and not the keyword.
        && !matches!(segments.next(), Some("properties" | "$defs" | "patternProperties" | "dependentSchemas"));
    let found = schema.pointer(pointer)?.as_str().filter(|_| is_keyword)?;
    let abbreviated = TYPES.into_iter().find(|known| found.len() >= 3 && known.starts_with(found));
    let help = abbreviated
        .map(|known| text!("did you mean \"{known}\"?"))
        .or_else(|| suggestion(found, TYPES))
        .unwrap_or_else(|| text!("use {}", alternatives(TYPES)));
    Some(Diagnostic::error("", text!("{} is not a JSON Schema type", string(found)), help))
}

/// The TOML value at `key` as JSON. What JSON cannot represent is reported.
fn to_json(input: &TableReader<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Value> {
    let error = |message: &'static str, help: &'static str| {
        input.collector().error(&value.span(), input.key_of(key), message, help);
        None
    };
    match value.get_ref() {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Integer(number) => match integer(number) {
            Some(number) => Some(Value::from(number)),
            None => error("this number does not fit 64 bits", "write a smaller number"),
        },
        DeValue::Float(number) => match float(number) {
            Some(number) => Some(Value::from(number)),
            None => error("this number is not finite", "write a finite number"),
        },
        DeValue::Datetime(_) => error("must not be a date", "write it in double quotes if it is a string"),
        DeValue::Array(entries) => {
            let values = entries
                .iter()
                .enumerate()
                .map(|(index, value)| to_json(input, &format!("{key}.{index}"), value));
            values.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(name, value)| {
                let name = name.get_ref().to_string();
                Some((name.clone(), to_json(input, &format!("{key}.{}", name.escape_debug()), value)?))
            });
            entries.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}
