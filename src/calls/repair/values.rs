//! Values that are written in another notation than the schema asks for: `"7"` for 7, a list as a string, null for absent.
//!
//! Only a value that cannot fit its schema is replaced, and only by one that says the same. Digits are copied, and never pass
//! through a float. What a schema leaves open (`additionalProperties`, no type, several schemas) is not touched.

use serde_json::{Map, Value};

use super::decoding::DecodingBudget;
use super::names::{meant, same};

/// How many references in a row are followed.
const MAX_REFERENCES: usize = 8;

/// Characters that separate several items in one string. One that contains them may mean a list, which is a guess.
const SEPARATORS: [char; 4] = [',', ';', '|', '\n'];

/// Keywords that combine schemas, or depend on other values. What such a schema accepts is not derived.
const COMBINING: [&str; 10] =
    ["anyOf", "oneOf", "allOf", "not", "if", "then", "else", "dependentSchemas", "const", "$dynamicRef"];

/// Replaces what does not fit in `arguments`. Whether they fit afterwards is for the validator to say.
pub(super) fn repair(schema: &Map<String, Value>, arguments: &mut Map<String, Value>) {
    Repair { root: schema, decoding: DecodingBudget::new() }.entries(schema, arguments);
}

struct Repair<'s> {
    root: &'s Map<String, Value>,
    decoding: DecodingBudget,
}

impl<'s> Repair<'s> {
    /// The entries of an object.
    fn entries(&mut self, schema: &'s Map<String, Value>, entries: &mut Map<String, Value>) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
            rename(properties, entries);
        }
        let required = |name: &str| {
            let names = schema.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let mut absent = Vec::new();
        for (name, schema) in properties {
            let Some(value) = entries.get_mut(name) else { continue };
            self.value(schema, value);
            if value.is_null()
                && !required(name)
                && self.types(schema).is_some_and(|types| !types.has("null"))
            {
                absent.push(name.as_str());
            }
        }
        for name in absent {
            entries.shift_remove(name);
        }
    }

    fn value(&mut self, schema: &'s Value, value: &mut Value) {
        let Some(schema) = self.resolved(schema) else { return };
        if let Some(Value::Array(options)) = schema.get("enum") {
            if !options.contains(value)
                && let Some(option) = option(options, value)
            {
                *value = option.clone();
            }
            return;
        }
        let Some(types) = Types::of(schema) else { return };
        if !types.accept(value)
            && let Some(better) = self.converted(schema, types, value)
        {
            *value = better;
        }
        match value {
            Value::Object(entries) => self.entries(schema, entries),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    items.iter_mut().for_each(|item| self.value(schema, item));
                }
            }
            _ => {}
        }
    }

    /// What `value` says, as one of `types`.
    fn converted(
        &mut self,
        schema: &'s Map<String, Value>,
        types: Types<'_>,
        value: &Value,
    ) -> Option<Value> {
        match value {
            Value::String(text) => {
                let decoded = self.decoded(text);
                // Null says that an optional value is absent, which is for the object around it to see. In place of a list
                // the string may be an item.
                decoded.filter(|decoded| types.accept(decoded) || (decoded.is_null() && !types.has("array")))
            }
            Value::Number(number) if types.has("string") && is_integer(number.as_str()) => {
                Some(Value::from(number.as_str()))
            }
            _ => None,
        }
        .or_else(|| self.only_item(schema, types, value))
    }

    /// A list of `value`, if that is one of the items that the list may have.
    fn only_item(
        &mut self,
        schema: &'s Map<String, Value>,
        types: Types<'_>,
        value: &Value,
    ) -> Option<Value> {
        if !types.has("array") || matches!(value, Value::Null | Value::Array(_)) {
            return None;
        }
        if value.as_str().is_some_and(|text| text.trim().is_empty() || may_be_several(text)) {
            return None;
        }
        let items = schema.get("items")?;
        let mut item = value.clone();
        self.value(items, &mut item);
        self.types(items)?.accept(&item).then(|| Value::Array(vec![item]))
    }

    /// The JSON value that a string contains, with `true` and `false` also as Python writes them.
    fn decoded(&mut self, text: &str) -> Option<Value> {
        let text = text.trim();
        match text {
            "True" => return Some(Value::Bool(true)),
            "False" => return Some(Value::Bool(false)),
            _ => {}
        }
        if self.decoding.take(text) { serde_json::from_str(text).ok() } else { None }
    }

    /// The types that `schema` accepts; `None` if it leaves them open.
    fn types(&self, schema: &'s Value) -> Option<Types<'s>> {
        let schema = self.resolved(schema)?;
        match schema.get("enum") {
            Some(options) => Some(Types::Options(options)),
            None => Types::of(schema),
        }
    }

    /// The schema that a reference leads to.
    fn resolved(&self, schema: &'s Value) -> Option<&'s Map<String, Value>> {
        let mut schema = schema.as_object()?;
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = schema.get("$ref") else { return Some(schema) };
            let name = reference.as_str()?.strip_prefix("#/$defs/")?;
            schema = self.root.get("$defs")?.get(name)?.as_object()?;
        }
        None
    }
}

/// The types that a schema accepts.
#[derive(Clone, Copy)]
enum Types<'s> {
    /// The keyword `type`.
    Named(&'s Value),
    /// The keyword `enum`.
    Options(&'s Value),
}

impl<'s> Types<'s> {
    fn of(schema: &'s Map<String, Value>) -> Option<Self> {
        let open = COMBINING.iter().any(|keyword| schema.contains_key(*keyword));
        schema.get("type").filter(|_| !open).map(Self::Named)
    }

    fn has(self, name: &str) -> bool {
        match self {
            Self::Named(Value::Array(names)) => names.iter().any(|one| one == name),
            Self::Named(one) => one == name,
            Self::Options(options) => {
                name == "null" && options.as_array().is_some_and(|options| options.contains(&Value::Null))
            }
        }
    }

    fn accept(self, value: &Value) -> bool {
        if let Self::Options(options) = self {
            return options.as_array().is_some_and(|options| options.contains(value));
        }
        match value {
            Value::Null => self.has("null"),
            Value::Bool(_) => self.has("boolean"),
            Value::String(_) => self.has("string"),
            Value::Array(_) => self.has("array"),
            Value::Object(_) => self.has("object"),
            Value::Number(number) => {
                self.has("number") || (self.has("integer") && is_integer(number.as_str()))
            }
        }
    }
}

/// Gives entries whose name is [the same](same) as one that is declared and absent that name.
fn rename(properties: &Map<String, Value>, entries: &mut Map<String, Value>) {
    let unknown: Vec<String> =
        entries.keys().filter(|name| !properties.contains_key(*name)).cloned().collect();
    for name in unknown {
        let Some(declared) = meant(&name, properties.keys().map(String::as_str)) else { continue };
        let twice = entries.keys().filter(|other| same(other, declared)).count() > 1;
        if !twice && let Some(value) = entries.shift_remove(&name) {
            entries.insert(declared.to_owned(), value);
        }
    }
}

/// The only one of `options` that is written as `value` is, apart from case.
fn option<'o>(options: &'o [Value], value: &Value) -> Option<&'o Value> {
    let sent = scalar(value)?;
    let mut found =
        options.iter().filter(|option| scalar(option).is_some_and(|text| text.eq_ignore_ascii_case(sent)));
    found.next().filter(|_| found.next().is_none())
}

fn scalar(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.as_str()),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        _ => None,
    }
}

/// Whether a number is written as an integer: nothing but digits, so that no notation is lost.
fn is_integer(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether one string may mean several items, or is a list in a notation that is not JSON.
fn may_be_several(text: &str) -> bool {
    text.contains(SEPARATORS) || text.trim_start().starts_with(['[', '{', '(', '"', '\''])
}
