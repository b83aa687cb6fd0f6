//! The shape of a profile: every key known, every value of the right type.
//!
//! Serde stops at the first mistake and says what it found, a secret included. So the merged values are first held
//! against the profile's JSON schema, which finds all mistakes and shows no value that is not known to be harmless. What
//! is wrong is taken out; what is left can be read, and checked for what it means.

use std::time::Duration;

use figment::value::{Dict, Value};
use serde_json::{Map, Value as Schema};

use super::document::Part;
use super::key::{KeyPath, NAME_PATTERN, is_name, looks_secret};
use crate::names::{listed, nearest};

/// The pattern by which the schema marks a duration; what a duration is, `humantime` says.
pub(super) const DURATION_PATTERN: &str = "^(0|([0-9]+ *[A-Za-z]+ *)+)$";

/// One mistake of shape.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) path: KeyPath,
    pub(super) part: Part,
    pub(super) message: String,
    pub(super) remedy: String,
}

/// The least and the most that a value may be, both allowed.
#[derive(Debug)]
pub(super) struct Bounds<T> {
    pub(super) least: T,
    pub(super) most: T,
}

/// What is wrong with a duration and what would be right; `None` where it is within its bounds.
pub(super) fn in_words(found: Duration, bounds: &Bounds<Duration>) -> Option<(String, String)> {
    let text = humantime::format_duration;
    let remedy = format!("write a duration from \"{}\" to \"{}\"", text(bounds.least), text(bounds.most));
    if found < bounds.least {
        Some((format!("`{}` is too short", text(found)), remedy))
    } else if found > bounds.most {
        Some((format!("`{}` is too long", text(found)), remedy))
    } else {
        None
    }
}

/// Holds values against a schema.
#[derive(Debug)]
pub(super) struct Validator<'a> {
    /// Backends that exist and are not in this binary.
    compiled_out: &'a [&'static str],
    findings: Vec<Finding>,
}

impl<'a> Validator<'a> {
    /// Holds `values` against `schema`: what is right of them, and all that is wrong.
    pub(super) fn validate(
        values: &Dict,
        schema: &Schema,
        compiled_out: &'a [&'static str],
    ) -> (Dict, Vec<Finding>) {
        let mut validator = Validator { compiled_out, findings: Vec::new() };
        let values = validator.table(&KeyPath::default(), values, schema);
        (values, validator.findings)
    }

    fn value(&mut self, path: &KeyPath, value: &Value, schema: &Schema) -> Option<Value> {
        if let Some(branches) = branches(schema) {
            let branch = self.branch(path, value, branches)?;
            return self.value(path, value, branch);
        }
        match (value, schema.get("type").and_then(Schema::as_str)) {
            (Value::String(_, text), None) => self.text(path, text, schema).then(|| value.clone()),
            (_, None) if constants(schema).is_empty() => Some(value.clone()),
            (Value::Dict(_, keys), Some("object")) => Some(Value::from(self.table(path, keys, schema))),
            (Value::Array(_, items), Some("array")) => self.list(path, items, schema),
            (Value::String(_, text), Some("string")) => self.text(path, text, schema).then(|| value.clone()),
            (Value::Num(..), Some("integer")) if value.to_i128().is_some() && value.to_f64().is_none() => {
                self.number(path, value.to_i128().unwrap_or_default(), schema).then(|| value.clone())
            }
            (Value::Num(..), Some("number")) | (Value::Bool(..), Some("boolean")) => Some(value.clone()),
            _ => {
                let message = format!("{} stands here", kind_of(value));
                self.found(path, Part::Value, message, format!("write {}", wanted(schema)));
                None
            }
        }
    }

    /// The one of several schemas that `value` is meant for.
    fn branch<'s>(&mut self, path: &KeyPath, value: &Value, branches: &'s [Schema]) -> Option<&'s Schema> {
        if let Some(choice) = choice_key(branches)
            && let Value::Dict(_, keys) = value
        {
            return self.choice(path, keys, branches, choice);
        }
        let fitting = branches.iter().find(|branch| {
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
        if fitting.is_none() {
            let mut kinds: Vec<_> = branches.iter().map(wanted).collect();
            kinds.dedup();
            let message = format!("{} stands here", kind_of(value));
            self.found(path, Part::Value, message, format!("write {}", kinds.join(" or ")));
        }
        fitting
    }

    /// The schema whose constant stands at the key `choice`: a vault's by its backend, a login's by its method.
    fn choice<'s>(
        &mut self,
        path: &KeyPath,
        keys: &Dict,
        branches: &'s [Schema],
        choice: &str,
    ) -> Option<&'s Schema> {
        let constant = |branch: &'s Schema| branch.get("properties")?.get(choice)?.get("const")?.as_str();
        let known: Vec<_> = branches.iter().filter_map(constant).collect();
        let one_of = format!("write one of: {}", listed(known.iter().copied()));
        let place = path.child(choice);
        let found = match keys.get(choice) {
            Some(Value::String(_, found)) => found,
            Some(other) => {
                self.found(&place, Part::Value, format!("{} stands here", kind_of(other)), one_of);
                return None;
            }
            None => {
                let misspelt = keys.keys().map(String::as_str).find(|key| nearest(key, [choice]).is_some());
                match misspelt {
                    Some(key) => {
                        let remedy = format!("did you mean `{choice}`?");
                        self.found(&path.child(key), Part::Key, "unknown key".to_owned(), remedy);
                    }
                    None => self.found(path, Part::Key, format!("`{choice}` is missing"), one_of),
                }
                return None;
            }
        };
        let fitting = branches.iter().find(|branch| constant(branch) == Some(found));
        if fitting.is_none() {
            if choice == "backend" && self.compiled_out.contains(&found.as_str()) {
                let message = format!("this binary was built without the backend `{found}`");
                let remedy = format!("build it with `--features {found}`, or {one_of}");
                self.found(&place, Part::Value, message, remedy);
            } else {
                let message = format!("unknown {choice}{}", shown(&place, found));
                let remedy = match nearest(found, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`? There are: {}", listed(known)),
                    None => one_of,
                };
                self.found(&place, Part::Value, message, remedy);
            }
        }
        fitting
    }

    fn table(&mut self, path: &KeyPath, keys: &Dict, schema: &Schema) -> Dict {
        let none = Map::new();
        let known = schema.get("properties").and_then(Schema::as_object).unwrap_or(&none);
        let names_are_checked = pattern_of(schema.get("propertyNames")) == Some(NAME_PATTERN);
        let mut right = Dict::new();
        let mut meant = Vec::new();
        for (key, value) in keys {
            let place = path.child(key);
            match (known.get(key), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema @ Schema::Object(_))) => {
                    if !known.contains_key(key) && names_are_checked && !is_name(key) {
                        self.found(&place, Part::Key, "this is no name".to_owned(), NAME_REMEDY.to_owned());
                        continue;
                    }
                    right.extend(self.value(&place, value, schema).map(|value| (key.clone(), value)));
                }
                (None, None | Some(Schema::Bool(true))) => {
                    right.insert(key.clone(), value.clone());
                }
                (None, Some(_)) => meant.extend(self.unknown(&place, key, known)),
            }
        }
        let required = schema.get("required").and_then(Schema::as_array).into_iter().flatten();
        for key in required.filter_map(Schema::as_str) {
            if !keys.contains_key(key) && !meant.iter().any(|meant| meant == key) {
                let wanted = known.get(key).map_or_else(String::new, wanted);
                self.found(path, Part::Key, format!("`{key}` is missing"), format!("add `{key}`: {wanted}"));
            }
        }
        right
    }

    /// Reports an unknown key, and answers the one that was probably meant. Its value is not looked at.
    fn unknown(&mut self, place: &KeyPath, key: &str, known: &Map<String, Schema>) -> Option<String> {
        let near = nearest(key, known.keys().map(String::as_str));
        if looks_secret(key) && near.is_none_or(looks_secret_or_file) {
            let (message, remedy) = no_secrets(key, known.keys().map(String::as_str));
            self.found(place, Part::Key, message, remedy);
            let by_file = format!("{key}_file");
            return known.contains_key(&by_file).then_some(by_file);
        }
        let remedy = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the keys here are: {}", listed(known.keys().map(String::as_str))),
        };
        self.found(place, Part::Key, "unknown key".to_owned(), remedy);
        near.map(str::to_owned)
    }

    fn list(&mut self, path: &KeyPath, items: &[Value], schema: &Schema) -> Option<Value> {
        let least = schema.get("minItems").and_then(Schema::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let message = "the list is empty".to_owned();
            self.found(path, Part::Value, message, "name at least one, or leave the key out".to_owned());
            return None;
        }
        let Some(each) = schema.get("items") else { return Some(Value::from(items.to_vec())) };
        let mut right = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let before = self.findings.len();
            let item = self.value(&path.child(index), item, each);
            // An entry that lacks something could not be read, and would take the whole list along.
            right.extend(item.filter(|_| self.findings.len() == before));
        }
        Some(Value::from(right))
    }

    fn text(&mut self, path: &KeyPath, text: &str, schema: &Schema) -> bool {
        let constants = constants(schema);
        if !constants.is_empty() && !constants.contains(&text) {
            let (message, remedy) = if path.looks_secret() {
                let secret = "what stands here is not a choice, and a secret never stands in a profile";
                (
                    secret.to_owned(),
                    format!("write one of: {}; or name a file in another key", listed(constants)),
                )
            } else {
                let message = format!("there is no such choice{}", shown(path, text));
                (message, format!("write one of: {}", listed(constants)))
            };
            self.found(path, Part::Value, message, remedy);
            return false;
        }
        match pattern_of(Some(schema)) {
            Some(DURATION_PATTERN) if humantime::parse_duration(text).is_err() => {
                let message = format!("this is no duration{}", shown(path, text));
                self.found(path, Part::Value, message, format!("write {DURATION_WANTED}"));
                false
            }
            Some(NAME_PATTERN) if !is_name(text) => {
                let message = format!("this is no name{}", shown(path, text));
                self.found(path, Part::Value, message, NAME_REMEDY.to_owned());
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
        let remedy = match (least, most) {
            (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
            (Some(least), None) => format!("write a number from {least} on"),
            _ => "write a smaller number".to_owned(),
        };
        let message = if path.looks_secret() {
            "this number is out of bounds".to_owned()
        } else {
            format!("{number} is out of bounds")
        };
        self.found(path, Part::Value, message, remedy);
        false
    }

    fn found(&mut self, path: &KeyPath, part: Part, message: String, remedy: String) {
        self.findings.push(Finding { path: path.clone(), part, message, remedy });
    }
}

const DURATION_WANTED: &str = "a duration with its unit in double quotes, such as \"30s\" or \"5m\"";
const NAME_REMEDY: &str =
    "a name has up to 64 of `a-z`, `0-9`, `_` and `-`, and begins with a letter or a digit";

/// What is said of a key that would hold a secret, and what to do instead: message and remedy.
pub(super) fn no_secrets<'k>(key: &str, known: impl IntoIterator<Item = &'k str>) -> (String, String) {
    let message =
        "unknown key, and a secret never stands in a profile; its value was not looked at".to_owned();
    let by_file = format!("{key}_file");
    let remedy = if known.into_iter().any(|known| known == by_file) {
        format!("put it into a file of its own and name that: `{by_file}`")
    } else {
        "take it out; a module's credentials belong into its vault".to_owned()
    };
    (message, remedy)
}

fn looks_secret_or_file(key: &str) -> bool {
    looks_secret(key) || key.ends_with("_file")
}

/// `` `value` `` with a colon before it, for a message; nothing where the value could be a secret, or is long.
fn shown(path: &KeyPath, value: &str) -> String {
    const LONGEST: usize = 32;
    if path.looks_secret() || value.chars().count() > LONGEST {
        String::new()
    } else {
        format!(": `{}`", value.escape_debug())
    }
}

/// The schemas that a value may follow, where there are several. A choice of texts is not several: see [`constants`].
pub(super) fn branches(schema: &Schema) -> Option<&[Schema]> {
    let branches = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let texts = branches.iter().all(|branch| branch.get("const").is_some());
    (!texts).then_some(branches)
}

/// The key whose constant tells the branches apart.
fn choice_key(branches: &[Schema]) -> Option<&str> {
    let constants = |branch: &Schema, key: &str| {
        branch.get("properties").and_then(|p| p.get(key)).is_some_and(|schema| schema.get("const").is_some())
    };
    let keys = branches.first()?.get("properties")?.as_object()?.keys();
    keys.map(String::as_str).find(|key| branches.iter().all(|branch| constants(branch, key)))
}

/// The texts that a schema allows, where it allows only some.
///
/// schemars writes a choice whose texts have descriptions as one schema for each text.
fn constants(schema: &Schema) -> Vec<&str> {
    let list = |key| schema.get(key).and_then(Schema::as_array).into_iter().flatten();
    let described = list("oneOf").filter_map(|branch| branch.get("const"));
    schema.get("const").into_iter().chain(list("enum")).chain(described).filter_map(Schema::as_str).collect()
}

fn pattern_of(schema: Option<&Schema>) -> Option<&str> {
    schema?.get("pattern")?.as_str()
}

/// What a schema wants, for the end of a sentence that begins with "write".
pub(super) fn wanted(schema: &Schema) -> String {
    let constants = constants(schema);
    if !constants.is_empty() {
        return format!("one of: {}", listed(constants));
    }
    let required = schema.get("required").and_then(Schema::as_array).into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Schema::as_str).collect();
    match (schema.get("type").and_then(Schema::as_str), pattern_of(Some(schema))) {
        (Some("object"), _) if !required.is_empty() => return format!("a table with {}", listed(required)),
        (Some("string"), Some(DURATION_PATTERN)) => DURATION_WANTED,
        (Some("string"), _) => "a text in double quotes",
        (Some("integer"), _) => "a whole number without quotes",
        (Some("number"), _) => "a number without quotes",
        (Some("boolean"), _) => "`true` or `false` without quotes",
        (Some("array"), _) => "a list, such as [\"a\", \"b\"]",
        _ => "a table",
    }
    .to_owned()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(..) => "a text",
        Value::Char(..) => "a letter",
        Value::Bool(..) => "`true` or `false`",
        Value::Num(..) => "a number",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
        Value::Empty(..) => "nothing",
    }
}
