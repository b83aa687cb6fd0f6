//! The layers above a profile's file: environment variables, then command-line flags; the last one wins.
//!
//! `COFFERDAM__VAULTS__GITHUB_VAULT__ADDRESS` sets the key `address` of the table `[vaults.github-vault]`: the parts between
//! double underscores are keys, whatever their case, with `_` for `-`. A variable changes a vault or a module that
//! the file has, and never adds one, so that a misspelt name cannot pass for a new one.
//!
//! Where the key takes a text, the variable's value is that text, as it is. Where it takes anything else, the value is read
//! as TOML: `4`, `true`, `["work", "personal"]`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Provider, Source};
use serde_json::Value as Schema;

use super::document::{Document, Part};
use super::key::{KeyPath, looks_secret};
use super::problem::{Origin, Place, Problem, Severity};
use super::validate::{branches, no_secrets, wanted};
use crate::names::{folded, listed, nearest};

/// What every variable of this layer begins with.
const PREFIX: &str = "COFFERDAM__";

/// What may change a profile besides its file.
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
    /// The value; a text as it is, anything else as TOML.
    pub value: String,
}

impl Overrides {
    /// The variables among `environment` that are meant for a profile. Pass `std::env::vars_os()`.
    pub fn from_environment(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let variables = environment.into_iter().filter(|(name, _)| ours(name)).collect();
        Self { variables, flags: Vec::new() }
    }

    /// These layers, and above them what flags say.
    #[must_use]
    pub fn with_flags(mut self, flags: impl IntoIterator<Item = FlagOverride>) -> Self {
        self.flags.extend(flags);
        self
    }
}

/// All layers in one, and where each value comes from.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) values: Dict,
    document: Document,
    figment: Figment,
}

impl Merged {
    /// Puts `layers` onto the file. What of them fits no key is reported to `problems`.
    pub(super) fn new(
        document: Document,
        overrides: &Overrides,
        schema: &Schema,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut figment = Figment::from(Layer::file(&document));
        let mut set = BTreeMap::new();
        for (name, value) in &overrides.variables {
            let origin = Origin::Environment(name.to_string_lossy().into_owned());
            let layer = target(name, &document, schema).and_then(|(path, schema)| {
                if let Some(first) = set.insert(path.clone(), origin.clone()) {
                    let message = format!("sets `{path}`, and so does {first}");
                    return Err(Refused::new(message, "unset one of the two"));
                }
                let text = value
                    .to_str()
                    .ok_or_else(|| Refused::new("its value is no UTF-8 text", "write it as UTF-8"))?;
                Ok(Layer::one(&origin, &path, read(text, Some(schema))?))
            });
            figment = match layer {
                Ok(layer) => figment.merge(layer),
                Err(refused) => {
                    problems.push(refused.problem(origin));
                    figment
                }
            };
        }
        for given in &overrides.flags {
            let origin = Origin::Flag(given.flag.to_owned());
            let path = KeyPath::default().below(given.key);
            let schema = path.keys().iter().try_fold(schema, |schema, key| property(schema, key));
            figment = match read(&given.value, schema) {
                Ok(value) => figment.merge(Layer::one(&origin, &path, value)),
                Err(refused) => {
                    problems.push(refused.problem(origin));
                    figment
                }
            };
        }
        let values = figment.find_value("").ok().and_then(Value::into_dict).unwrap_or_default();
        Self { values, document, figment }
    }

    /// Where the value at `path` comes from; for a table, and for what is not there, the place in the file.
    pub(super) fn place(&self, path: &KeyPath, part: Part) -> Place {
        match self.get(path) {
            None => self.document.place(path, part),
            Some(Value::Dict(..)) if self.document.has(path) => self.document.place(path, part),
            Some(value) => match self.origin(value) {
                Some(origin) => Place::whole(origin),
                None => self.document.place(path, part),
            },
        }
    }

    /// The names in the table `name` of the file, in its order.
    pub(super) fn names(&self, table: &str) -> Vec<String> {
        self.document.names(&KeyPath::of([table]))
    }

    /// The value at `path`.
    pub(super) fn get(&self, path: &KeyPath) -> Option<&Value> {
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
        let name = metadata.source.as_ref()?.custom()?.to_owned();
        Some(if metadata.name == FLAG { Origin::Flag(name) } else { Origin::Environment(name) })
    }
}

const FLAG: &str = "command-line flag";
const VARIABLE: &str = "environment variable";

/// One layer as figment takes it.
#[derive(Debug)]
struct Layer {
    metadata: Metadata,
    values: Dict,
}

impl Layer {
    fn file(document: &Document) -> Self {
        Self { metadata: Metadata::named("profile file"), values: document.values.clone() }
    }

    fn one(origin: &Origin, path: &KeyPath, value: Value) -> Self {
        let metadata = match origin {
            Origin::File(path) => Metadata::from("profile file", Source::File(path.clone())),
            Origin::Environment(name) => Metadata::from(VARIABLE, Source::Custom(name.clone())),
            Origin::Flag(name) => Metadata::from(FLAG, Source::Custom(name.clone())),
        };
        let nested = path
            .keys()
            .iter()
            .rev()
            .fold(value, |value, key| Value::from(Dict::from([(key.clone(), value)])));
        Self { metadata, values: nested.into_dict().unwrap_or_default() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> figment::error::Result<Map<figment::Profile, Dict>> {
        Ok(Map::from([(figment::Profile::Default, self.values.clone())]))
    }
}

/// Why a variable or flag is not taken.
struct Refused {
    message: String,
    remedy: String,
}

impl Refused {
    fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }

    fn problem(self, origin: Origin) -> Problem {
        Problem {
            place: Place::whole(origin),
            key: String::new(),
            message: self.message,
            remedy: self.remedy,
            severity: Severity::Error,
        }
    }
}

/// The key that a variable is meant for, and the key's schema.
fn target<'s>(
    name: &OsStr,
    document: &Document,
    schema: &'s Schema,
) -> Result<(KeyPath, &'s Schema), Refused> {
    let name = name
        .to_str()
        .and_then(|name| name.strip_prefix(PREFIX))
        .ok_or_else(|| Refused::new("its name is no UTF-8 text", "unset it"))?;
    let mut path = KeyPath::default();
    let mut schema = schema;
    let mut variable = PREFIX.trim_end_matches('_').to_owned();
    for part in name.split("__") {
        let in_file = open(schema).is_some();
        let known = if in_file { document.names(&path) } else { properties(schema) };
        let fitting: Vec<_> = known.iter().filter(|key| folded(key) == folded(part)).collect();
        let [key] = fitting.as_slice() else {
            let near = nearest(part, known.iter().map(String::as_str));
            return Err(match (near, in_file) {
                _ if fitting.len() > 1 => Refused::new(
                    format!("could mean any of {}", listed(fitting.iter().map(|key| key.as_str()))),
                    "rename all but one of them in the profile",
                ),
                (None, false) if looks_secret(part) => {
                    let part = part.to_ascii_lowercase();
                    let (message, remedy) = no_secrets(&part, known.iter().map(String::as_str));
                    Refused::new(message, remedy)
                }
                (Some(near), _) => {
                    let near = near.to_ascii_uppercase().replace('-', "_");
                    Refused::new(
                        "names no key of this profile",
                        format!("did you mean `{variable}__{near}`?"),
                    )
                }
                (None, true) => Refused::new(
                    format!("names nothing that stands in the profile at `{path}`"),
                    format!("there are: {}; a variable adds none", listed(known.iter().map(String::as_str))),
                ),
                (None, false) => Refused::new(
                    "names no key of this profile",
                    format!("below `{variable}` there are: {}", listed(known.iter().map(String::as_str))),
                ),
            });
        };
        variable = format!("{variable}__{part}");
        schema = property(schema, key).ok_or_else(|| {
            Refused::new(format!("`{path}` has no key `{key}`"), "unset it, or change the profile")
        })?;
        path = path.child(key);
    }
    Ok((path, schema))
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

/// A variable's or flag's text as a value of the key that `schema` describes.
fn read(text: &str, schema: Option<&Schema>) -> Result<Value, Refused> {
    let is_text = |schema: &Schema| {
        let choice = schema.get("const").or_else(|| schema.get("enum")?.get(0));
        schema.get("type").is_some_and(|name| name == "string") || choice.is_some_and(Schema::is_string)
    };
    let Some(schema) = schema.filter(|schema| !is_text(schema)) else { return Ok(Value::from(text)) };
    // The parser's error would quote the text.
    let parsed = text.parse::<toml::Value>().ok().and_then(|value| Value::serialize(value).ok());
    parsed.ok_or_else(|| {
        Refused::new("its value is not of the kind that the key takes", format!("write {}", wanted(schema)))
    })
}
