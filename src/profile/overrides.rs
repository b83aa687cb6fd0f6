//! Overrides of a profile's file: environment variables, then command-line flags, which win over both.
//!
//! `COFFERDAM__VAULTS__GITHUB_VAULT__ADDRESS` sets the key `address` of the table `[vaults.github-vault]`. The parts between
//! double underscores are keys, in any case, with `_` for `-`. A variable changes a vault or module of the file and never
//! adds one, so that a misspelt name is not taken for a new one.
//!
//! If the key takes a string, the variable's value is that string. Otherwise the value is read as TOML: `4`, `true`,
//! `["work", "personal"]`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use cofferdam_config::document::{Part, Positions};
use cofferdam_config::suggestions::{folded, list, nearest};
use cofferdam_config::{Diagnostic, Diagnostics, KeyPath, Location, Origin, Text, looks_secret, quote, text};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Provider, Source};
use serde_json::Value as Schema;

use super::document::Document;
use super::subschema::{branches, expected, secret_key};

/// The prefix of all variables that override a profile.
const PREFIX: &str = "COFFERDAM__";

/// The environment variables and flags that change a profile.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    variables: BTreeMap<OsString, OsString>,
    flags: Vec<FlagOverride>,
}

/// A key that a command-line flag sets.
#[derive(Debug, Clone)]
pub struct FlagOverride {
    /// The flag with its dashes: `--listen`.
    pub flag: &'static str,
    /// The key that it sets, with dots: `server.listen`.
    pub key: &'static str,
    /// The value: a string as it is, anything else as TOML.
    pub value: String,
}

impl Overrides {
    /// The variables in `environment` that override a profile. Pass `std::env::vars_os()`.
    pub fn from_environment(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let variables = environment.into_iter().filter(|(name, _)| ours(name)).collect();
        Self { variables, flags: Vec::new() }
    }

    /// These overrides, and above them the flags.
    #[must_use]
    pub fn with_flags(mut self, flags: impl IntoIterator<Item = FlagOverride>) -> Self {
        self.flags.extend(flags);
        self
    }
}

/// The values of a file with its overrides, and where each comes from.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) values: Dict,
    positions: Positions,
    figment: Figment,
}

impl Merged {
    /// Applies `overrides` to the file. Those that match no key are reported.
    pub(super) fn new(
        document: Document,
        overrides: &Overrides,
        schema: &Schema,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let Document { values, positions, .. } = document;
        let mut figment = Figment::from(Values { metadata: Metadata::named("profile file"), values });
        let mut set = BTreeMap::new();
        for (name, value) in &overrides.variables {
            let origin = Origin::Environment(quote::variable(&name.to_string_lossy()));
            let set_value = target(name, &positions, schema).and_then(|(path, schema)| {
                if let Some(first) = set.insert(path.clone(), origin.clone()) {
                    return Err(error(
                        text!("sets `{}`, and so does {first}", path.shown()),
                        "unset one of the two",
                    ));
                }
                let text =
                    value.to_str().ok_or_else(|| error("its value is not UTF-8", "write it in UTF-8"))?;
                Ok(Values::new(&origin, &path, read(text, Some(schema))?))
            });
            figment = match diagnostics.take(set_value.map_err(|found| found.at(origin))) {
                Some(set_value) => figment.merge(set_value),
                None => figment,
            };
        }
        for given in &overrides.flags {
            let origin = Origin::Flag(given.flag.into());
            let path = KeyPath::default().below(given.key);
            let schema = path.keys().iter().try_fold(schema, |schema, key| property(schema, key));
            let set_value = read(&given.value, schema).map(|value| Values::new(&origin, &path, value));
            figment = match diagnostics.take(set_value.map_err(|found| found.at(origin))) {
                Some(set_value) => figment.merge(set_value),
                None => figment,
            };
        }
        let values = figment.find_value("").ok().and_then(Value::into_dict).unwrap_or_default();
        Self { values, positions, figment }
    }

    /// Where the value at `path` comes from. For a table, and for a value that does not exist, the location in the file.
    fn location(&self, path: &KeyPath, part: Part) -> Location {
        match self.get(path) {
            None => self.positions.location(path, part),
            Some(Value::Dict(..)) if self.positions.contains(path) => self.positions.location(path, part),
            Some(value) => match self.origin(value) {
                Some(origin) => origin.into(),
                None => self.positions.location(path, part),
            },
        }
    }

    /// `found` as a diagnostic about the key or value at `path`.
    pub(super) fn locate(&self, path: &KeyPath, part: Part, found: Diagnostic) -> Diagnostic {
        Diagnostic { key: path.to_string(), ..found.at(self.location(path, part)) }
    }

    /// The names in the table `table` of the file, in its order.
    pub(super) fn names(&self, table: &str) -> Vec<String> {
        self.positions.names(&KeyPath::new([table]))
    }

    /// The value at `path`.
    fn get(&self, path: &KeyPath) -> Option<&Value> {
        let (first, rest) = path.keys().split_first()?;
        rest.iter().try_fold(self.values.get(first)?, |value, key| match value {
            Value::Dict(_, keys) => keys.get(key),
            Value::Array(_, items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The variable or flag that a value comes from; `None` for the file.
    fn origin(&self, value: &Value) -> Option<Origin> {
        let metadata = self.figment.get_metadata(value.tag())?;
        // It was a text when it became the source.
        let name = Text::unchecked(metadata.source.as_ref()?.custom()?);
        Some(if metadata.name == FLAG { Origin::Flag(name) } else { Origin::Environment(name) })
    }
}

const FLAG: &str = "command-line flag";
const VARIABLE: &str = "environment variable";

/// One source of values, as figment takes it.
#[derive(Debug)]
struct Values {
    metadata: Metadata,
    values: Dict,
}

impl Values {
    fn new(origin: &Origin, path: &KeyPath, value: Value) -> Self {
        let metadata = match origin {
            Origin::File(path) => Metadata::from("profile file", Source::File(path.clone())),
            Origin::Environment(name) => Metadata::from(VARIABLE, Source::Custom(name.to_string())),
            Origin::Flag(name) => Metadata::from(FLAG, Source::Custom(name.to_string())),
        };
        let nested = path
            .keys()
            .iter()
            .rev()
            .fold(value, |value, key| Value::from(Dict::from([(key.clone(), value)])));
        Self { metadata, values: nested.into_dict().unwrap_or_default() }
    }
}

impl Provider for Values {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> figment::error::Result<Map<figment::Profile, Dict>> {
        Ok(Map::from([(figment::Profile::Default, self.values.clone())]))
    }
}

fn error(message: impl Into<Text>, help: impl Into<Text>) -> Diagnostic {
    Diagnostic::error("", message, help)
}

/// The key that a variable sets, and the key's schema.
fn target<'s>(
    name: &OsStr,
    positions: &Positions,
    schema: &'s Schema,
) -> Result<(KeyPath, &'s Schema), Diagnostic> {
    let name = name
        .to_str()
        .and_then(|name| name.strip_prefix(PREFIX))
        .ok_or_else(|| error("its name is not UTF-8", "unset it"))?;
    let mut path = KeyPath::default();
    let mut schema = schema;
    let mut variable = PREFIX.trim_end_matches('_').to_owned();
    for part in name.split("__") {
        let in_file = open(schema).is_some();
        let known = if in_file { positions.names(&path) } else { properties(schema) };
        let matching: Vec<_> = known.iter().filter(|key| folded(key) == folded(part)).collect();
        let [key] = matching.as_slice() else {
            if matching.is_empty() {
                return Err(no_match(part, &known, &variable, in_file.then_some(&path)));
            }
            let message = text!("matches several keys: {}", list(matching.iter().map(|key| key.as_str())));
            return Err(error(message, "rename all but one of them in the profile"));
        };
        variable = format!("{variable}__{part}");
        schema = property(schema, key).ok_or_else(|| {
            error(
                text!("`{}` has no key `{}`", path.shown(), quote::key(key)),
                "unset it, or change the profile",
            )
        })?;
        path = path.child(key);
    }
    Ok((path, schema))
}

/// Why a variable sets no key: its part `part` after `variable` is not among `known`. `names` is the table of the file
/// whose names they are.
fn no_match(part: &str, known: &[String], variable: &str, names: Option<&KeyPath>) -> Diagnostic {
    let known = || known.iter().map(String::as_str);
    match (nearest(part, known()), names) {
        (None, None) if looks_secret(part) => secret_key(&part.to_ascii_lowercase(), known()),
        (Some(near), _) => {
            let near = near.to_ascii_uppercase().replace('-', "_");
            let near = quote::variable(&format!("{variable}__{near}"));
            error("does not name a key of this profile", text!("did you mean {near}?"))
        }
        (None, Some(table)) => error(
            text!("does not name an entry of `{}` in the profile", table.shown()),
            text!("the entries are {}; a variable cannot add one", list(known())),
        ),
        (None, None) => error(
            "does not name a key of this profile",
            text!("the keys below {} are {}", quote::variable(variable), list(known())),
        ),
    }
}

/// The schema of the values of a table whose keys are names, `[vaults]` for one.
fn open(schema: &Schema) -> Option<&Schema> {
    schema.get("additionalProperties").filter(|schema| schema.is_object())
}

/// The known keys of a table, those of all its kinds together: which kind it is may depend on another variable.
fn properties(schema: &Schema) -> Vec<String> {
    let own = schema
        .get("properties")
        .and_then(Schema::as_object)
        .into_iter()
        .flat_map(|keys| keys.keys().cloned());
    let of_kinds = branches(schema).unwrap_or_default().iter().flat_map(properties);
    let mut keys: Vec<_> = own.chain(of_kinds).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// The schema of the key `key` of a table.
fn property<'s>(schema: &'s Schema, key: &str) -> Option<&'s Schema> {
    let own = schema.get("properties").and_then(|keys| keys.get(key));
    let of_kinds = || branches(schema).unwrap_or_default().iter().find_map(|branch| property(branch, key));
    own.or_else(of_kinds).or_else(|| open(schema))
}

/// The text of a variable or flag as a value of the key that `schema` describes.
fn read(text: &str, schema: Option<&Schema>) -> Result<Value, Diagnostic> {
    let is_string = |schema: &Schema| {
        let choice = schema.get("const").or_else(|| schema.get("enum")?.get(0));
        schema.get("type").is_some_and(|name| name == "string") || choice.is_some_and(Schema::is_string)
    };
    let Some(schema) = schema.filter(|schema| !is_string(schema)) else { return Ok(Value::from(text)) };
    // The parser's error would quote the text.
    let parsed = text.parse::<toml::Value>().ok().and_then(|value| Value::serialize(value).ok());
    parsed.ok_or_else(|| error("its value has the wrong type", text!("write {}", expected(schema))))
}
