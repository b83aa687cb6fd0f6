//! Validates a profile against its JSON schema: every key is known, every value has the right type.
//!
//! Serde stops at the first mistake and quotes what it found, a secret included. So the merged values are first validated
//! against the profile's JSON schema, which finds all mistakes and quotes only harmless values. Wrong values are removed.
//! The rest can be deserialized, and checked for its meaning.

use cofferdam_config::document::Part;
use cofferdam_config::quote;
use cofferdam_config::suggestions::{alternatives, list, nearest, suggestion};
use cofferdam_config::{Diagnostic, Diagnostics, KeyPath, Text, duration, looks_secret, text};
use figment::value::{Dict, Value};
use serde_json::{Map, Value as Schema};

use super::name::{NAME_HELP, NAME_PATTERN, is_name};
use super::overrides::Merged;
use super::subschema::{branches, choice_key, constants, expected, of_schema, pattern_of, secret_key};

/// Validates the values of `merged`. Returns those that are valid; what is wrong with the others is added to `diagnostics`.
///
/// `compiled_out` are the backends that exist and are not in this binary.
pub(super) fn validate(
    merged: &Merged,
    schema: &Schema,
    compiled_out: &[&'static str],
    diagnostics: &mut Diagnostics,
) -> Dict {
    let mut validator = Validator { merged, compiled_out, diagnostics };
    validator.table(&KeyPath::default(), &merged.values, schema)
}

/// A validation in progress.
struct Validator<'a> {
    merged: &'a Merged,
    compiled_out: &'a [&'static str],
    diagnostics: &'a mut Diagnostics,
}

impl Validator<'_> {
    fn value(&mut self, path: &KeyPath, value: &Value, schema: &Schema) -> Option<Value> {
        if let Some(branches) = branches(schema) {
            let branch = self.branch(path, value, branches)?;
            return self.value(path, value, branch);
        }
        match (value, schema.get("type").and_then(Schema::as_str)) {
            (Value::String(_, text), None) => self.string(path, text, schema).then(|| value.clone()),
            (_, None) if constants(schema).is_empty() => Some(value.clone()),
            (Value::Dict(_, keys), Some("object")) => Some(Value::from(self.table(path, keys, schema))),
            (Value::Array(_, items), Some("array")) => self.list(path, items, schema),
            (Value::String(_, text), Some("string")) => {
                self.string(path, text, schema).then(|| value.clone())
            }
            (Value::Num(..), Some("integer")) if value.to_i128().is_some() && value.to_f64().is_none() => {
                self.number(path, value.to_i128().unwrap_or_default(), schema).then(|| value.clone())
            }
            (Value::Num(..), Some("number")) | (Value::Bool(..), Some("boolean")) => Some(value.clone()),
            _ => {
                self.wrong_type(path, value, &expected(schema));
                None
            }
        }
    }

    fn wrong_type(&mut self, path: &KeyPath, value: &Value, expected: &Text) {
        let message = text!("must not be {}", kind_of(value));
        self.error(path, Part::Value, message, text!("write {expected}"));
    }

    /// The one of several schemas that `value` is meant for.
    fn branch<'s>(&mut self, path: &KeyPath, value: &Value, branches: &'s [Schema]) -> Option<&'s Schema> {
        if let Some(choice) = choice_key(branches)
            && let Value::Dict(_, keys) = value
        {
            return self.choice(path, keys, branches, choice);
        }
        let matching = branches.iter().find(|branch| {
            let name = branch.get("type").and_then(Schema::as_str);
            matches!(
                (value, name),
                (Value::Dict(..), Some("object"))
                    | (Value::Array(..), Some("array"))
                    | (Value::String(..), Some("string"))
                    | (Value::Bool(..), Some("boolean"))
                    | (Value::Num(..), Some("integer" | "number"))
            )
        });
        if matching.is_none() {
            let mut kinds: Vec<_> = branches.iter().map(expected).collect();
            kinds.dedup();
            self.wrong_type(path, value, &Text::join(kinds, " or "));
        }
        matching
    }

    /// The schema whose constant is the value of the key `choice`: a vault's by its backend, a login's by its method.
    fn choice<'s>(
        &mut self,
        path: &KeyPath,
        keys: &Dict,
        branches: &'s [Schema],
        choice: &str,
    ) -> Option<&'s Schema> {
        let constant = |branch: &'s Schema| branch.get("properties")?.get(choice)?.get("const")?.as_str();
        let known: Vec<_> = branches.iter().filter_map(constant).collect();
        let use_one = text!("use {}", alternatives(known.iter().copied()));
        let at_choice = path.child(choice);
        let found = match keys.get(choice) {
            Some(Value::String(_, found)) => found,
            Some(other) => {
                let message = text!("must not be {}", kind_of(other));
                self.error(&at_choice, Part::Value, message, use_one);
                return None;
            }
            None => {
                let misspelt = keys.keys().map(String::as_str).find(|key| nearest(key, [choice]).is_some());
                match misspelt {
                    Some(key) => {
                        let help = text!("did you mean \"{}\"?", of_schema(choice));
                        self.error(&path.child(key), Part::Key, "unknown key", help);
                    }
                    None => self.error(path, Part::Key, text!("`{}` is missing", of_schema(choice)), use_one),
                }
                return None;
            }
        };
        let matching = branches.iter().find(|branch| constant(branch) == Some(found));
        if matching.is_none() {
            if choice == "backend"
                && let Some(found) = self.compiled_out.iter().copied().find(|known| *known == found.as_str())
            {
                let message = text!("this binary was built without the backend \"{found}\"");
                let help = text!("build it with `--features {found}`, or {use_one}");
                self.error(&at_choice, Part::Value, message, help);
            } else {
                self.unknown_choice(&at_choice, found, &known);
            }
        }
        matching
    }

    /// Reports that `found`, the value of the key at `path`, is not one of `known`.
    fn unknown_choice(&mut self, path: &KeyPath, found: &str, known: &[&str]) {
        let name = path.keys().last().map_or("value".into(), |key| quote::key(key));
        let quoted = quoted(path, found).map(|quoted| text!(" {quoted}")).unwrap_or_default();
        let help = match suggestion(found, known.iter().copied()) {
            Some(suggestion) => text!("{suggestion} Allowed: {}", list(known.iter().copied())),
            None => text!("use {}", alternatives(known.iter().copied())),
        };
        self.error(path, Part::Value, text!("unknown {name}{quoted}"), help);
    }

    fn table(&mut self, path: &KeyPath, keys: &Dict, schema: &Schema) -> Dict {
        let none = Map::new();
        let known = schema.get("properties").and_then(Schema::as_object).unwrap_or(&none);
        let names_are_checked = pattern_of(schema.get("propertyNames")) == Some(NAME_PATTERN);
        let mut valid = Dict::new();
        let mut meant = Vec::new();
        for (key, value) in keys {
            let at_key = path.child(key);
            match (known.get(key), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema @ Schema::Object(_))) => {
                    let is_name_of_user = !known.contains_key(key) && names_are_checked;
                    if is_name_of_user && !is_name(key) {
                        self.error(&at_key, Part::Key, "not a valid name", NAME_HELP);
                        continue;
                    }
                    if is_name_of_user && quote::looks_like_a_credential(key) {
                        self.error(&at_key, Part::Key, "this name looks like a credential", CREDENTIAL_HELP);
                        continue;
                    }
                    valid.extend(self.value(&at_key, value, schema).map(|value| (key.clone(), value)));
                }
                (None, None | Some(Schema::Bool(true))) => {
                    valid.insert(key.clone(), value.clone());
                }
                (None, Some(_)) => meant.extend(self.unknown_key(&at_key, key, known)),
            }
        }
        let required = schema.get("required").and_then(Schema::as_array).into_iter().flatten();
        for key in required.filter_map(Schema::as_str) {
            if !keys.contains_key(key) && !meant.iter().any(|meant| meant == key) {
                let expected = known.get(key).map(expected).unwrap_or_default();
                let key = of_schema(key);
                self.error(path, Part::Key, text!("`{key}` is missing"), text!("add `{key}`: {expected}"));
            }
        }
        valid
    }

    /// Reports an unknown key, and returns the key that was probably meant. Its value is not read.
    fn unknown_key(&mut self, path: &KeyPath, key: &str, known: &Map<String, Schema>) -> Option<String> {
        let names = || known.keys().map(String::as_str);
        let near = nearest(key, names());
        if looks_secret(key) && near.is_none_or(looks_secret_or_file) {
            self.push(path, Part::Key, secret_key(key, names()));
            let by_file = format!("{key}_file");
            return known.contains_key(&by_file).then_some(by_file);
        }
        let help = suggestion(key, names()).unwrap_or_else(|| text!("the keys here are {}", list(names())));
        self.error(path, Part::Key, "unknown key", help);
        near.map(str::to_owned)
    }

    fn list(&mut self, path: &KeyPath, items: &[Value], schema: &Schema) -> Option<Value> {
        let least = schema.get("minItems").and_then(Schema::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            self.error(path, Part::Value, "must not be empty", "list at least one, or remove the key");
            return None;
        }
        let Some(each) = schema.get("items") else { return Some(Value::from(items.to_vec())) };
        let mut valid = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let before = self.diagnostics.len();
            let item = self.value(&path.child(index), item, each);
            // An entry that lacks a key could not be deserialized, and nor could the whole list.
            valid.extend(item.filter(|_| self.diagnostics.len() == before));
        }
        Some(Value::from(valid))
    }

    fn string(&mut self, path: &KeyPath, text: &str, schema: &Schema) -> bool {
        if is_pasted_credential(path, text) {
            let message = "looks like a credential, and a profile must not contain secrets";
            self.error(path, Part::Value, message, CREDENTIAL_HELP);
            return false;
        }
        let constants = constants(schema);
        if !constants.is_empty() && !constants.contains(&text) {
            if path.looks_secret() {
                let message = "this value is not allowed, and a profile must not contain secrets";
                let help = text!("use {}, or name a file in another key", alternatives(constants));
                self.error(path, Part::Value, message, help);
            } else {
                self.unknown_choice(path, text, &constants);
            }
            return false;
        }
        match pattern_of(Some(schema)) {
            Some(duration::PATTERN) => match duration::parse(text) {
                Ok(_) => true,
                Err(found) => {
                    self.push(path, Part::Value, found);
                    false
                }
            },
            Some(NAME_PATTERN) if !is_name(text) => {
                let message = match quoted(path, text) {
                    Some(quoted) => text!("{quoted} is not a valid name"),
                    None => "not a valid name".into(),
                };
                self.error(path, Part::Value, message, NAME_HELP);
                false
            }
            _ => true,
        }
    }

    fn number(&mut self, path: &KeyPath, number: i128, schema: &Schema) -> bool {
        let bound = |key: &str| schema.get(key).and_then(|bound| Some(i128::from(bound.as_i64()?)));
        let (least, most) = (bound("minimum"), bound("maximum"));
        if least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most) {
            return true;
        }
        let help = match (least, most) {
            (Some(least), Some(most)) => text!("write a number from {least} to {most}"),
            (Some(least), None) => text!("write a number of at least {least}"),
            _ => "write a smaller number".into(),
        };
        let shown = if path.looks_secret() { "this number".into() } else { text!("{number}") };
        self.error(path, Part::Value, text!("{shown} is out of range"), help);
        false
    }

    fn error(&mut self, path: &KeyPath, part: Part, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(path, part, Diagnostic::error("", message, help));
    }

    fn push(&mut self, path: &KeyPath, part: Part, found: Diagnostic) {
        self.diagnostics.push(self.merged.locate(path, part, found));
    }
}

/// What to do about a value that looks like a credential.
const CREDENTIAL_HELP: &str =
    "if it is one, treat it as compromised; if not, write a name of words, or `./` before the path of a file";

/// Identifiers that a service generated and that are not secret. They are never printed.
const GENERATED: [&str; 2] = ["role_id", "external_id"];

/// Whether `text` is a credential where a name or a path belongs: these are printed later, without a further check. URLs
/// have a check of their own.
fn is_pasted_credential(path: &KeyPath, text: &str) -> bool {
    let names_things =
        path.keys().first().is_some_and(|table| matches!(table.as_str(), "vaults" | "modules"));
    let is_generated = path.keys().last().is_some_and(|key| GENERATED.contains(&key.as_str()));
    let is_path = quote::is_written_as_a_path(text);
    names_things && !is_generated && !is_path && !text.contains("://") && quote::looks_like_a_credential(text)
}

fn looks_secret_or_file(key: &str) -> bool {
    looks_secret(key) || key.ends_with("_file")
}

/// `value` in double quotes, for a message; `None` if it could be a secret.
fn quoted(path: &KeyPath, value: &str) -> Option<Text> {
    if path.looks_secret() { None } else { quote::identifier(value) }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a string",
        Value::Bool(..) => "a boolean",
        Value::Num(..) => "a number",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
        Value::Empty(..) => "empty",
    }
}
