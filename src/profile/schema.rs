//! The JSON schema of a profile: for completion in editors, and for the validation of a profile.
//!
//! Each key has one description, the documentation of its field. The checked-in copy,
//! `profiles/profile.schema.json`, is written with `cargo run -- profile schema > profiles/profile.schema.json`.

use std::time::Duration;

use cofferdam_config::duration;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::name::NAME_PATTERN;
use super::policy;
use super::tables::{AccessTable, ModuleTable, ServerTable};
use crate::broker::CompartmentPolicy;
use crate::broker::backends::{ALL, Backend};

/// The JSON schema of a profile, for the backends that are compiled in.
pub fn schema() -> Value {
    of_backends(ALL)
}

/// The JSON schema of a profile whose vaults may have these backends.
///
/// Draft 7 without references: TOML plug-ins of editors support no newer draft.
pub(super) fn of_backends(backends: &[Backend]) -> Value {
    let mut generator =
        SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let vaults: Vec<_> = backends.iter().filter_map(|backend| vault(backend, &mut generator)).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Cofferdam profile",
        "description": "The configuration of one Cofferdam process: its vaults, its modules, and its server.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "server": table::<ServerTable>(&mut generator),
            "access": table::<AccessTable>(&mut generator),
            "vaults": {
                "description": "The vaults. Each is a separate store of secrets with its own compartment.",
                "type": "object",
                "propertyNames": { "pattern": NAME_PATTERN },
                "additionalProperties": { "oneOf": vaults },
            },
            "modules": {
                "description": "The modules, each with the vault that its credentials come from.",
                "type": "object",
                "propertyNames": { "pattern": NAME_PATTERN },
                "additionalProperties": table::<ModuleTable>(&mut generator),
            },
        },
    })
}

/// A `[vaults.NAME]` table: the backend's own keys and the compartment policy's.
fn vault(backend: &Backend, generator: &mut SchemaGenerator) -> Option<Value> {
    let compiled = backend.compiled.as_ref()?;
    let mut own_keys = tidied((compiled.schema)(generator).to_value());
    let mut properties = Map::new();
    properties.insert(
        "backend".to_owned(),
        json!({ "description": "The kind of this vault.", "type": "string", "const": backend.name }),
    );
    let mut policy = table::<CompartmentPolicy>(generator);
    policy::add_bounds(&mut policy);
    for keys in [&mut own_keys, &mut policy] {
        if let Some(Value::Object(keys)) = keys.get_mut("properties").map(Value::take) {
            properties.extend(keys);
        }
    }
    let own = own_keys.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let required: Vec<_> = std::iter::once(json!("backend")).chain(own).collect();
    Some(json!({
        "title": format!("A vault with the backend {}", backend.name),
        "description": own_keys.get("description").cloned().unwrap_or_default(),
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    }))
}

fn table<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    tidied(generator.subschema_for::<T>().to_value())
}

/// Removes what TOML does not have (null) and what JSON Schema does not have (Rust's integer formats), and writes durations
/// as a profile does.
fn tidied(schema: Value) -> Value {
    match schema {
        Value::Object(mut keys) => {
            without_null(&mut keys);
            keys.remove("format");
            if let Some(Value::String(text)) = keys.get_mut("description") {
                // A line break in the source is not one in the text; an empty line is.
                *text =
                    text.split("\n\n").map(|text| text.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
            }
            let duration = keys.get("default").and_then(duration_text);
            if let Some(text) = duration {
                keys.insert("default".to_owned(), json!(text));
                keys.insert("pattern".to_owned(), json!(duration::PATTERN));
            }
            if keys.get("default").is_some_and(Value::is_null) {
                keys.remove("default");
            }
            // A default is a value, not a schema.
            Value::Object(
                keys.into_iter()
                    .map(|(key, value)| if key == "default" { (key, value) } else { (key, tidied(value)) })
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(tidied).collect()),
        other => other,
    }
}

fn without_null(keys: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = keys.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keys.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = keys.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    if let Some(Value::Array(branches)) = keys.get_mut("anyOf") {
        let before = branches.len();
        branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
        if let ([Value::Object(only)], true) = (branches.as_slice(), branches.len() < before) {
            let only = only.clone();
            keys.remove("anyOf");
            for (key, value) in only {
                keys.entry(key).or_insert(value);
            }
        }
    }
}

/// `{"secs": 300, "nanos": 0}`, which is how serde writes a duration, as `5m`.
fn duration_text(default: &Value) -> Option<String> {
    let keys = default.as_object().filter(|keys| keys.len() == 2)?;
    let seconds = keys.get("secs")?.as_u64()?;
    let nanos = u32::try_from(keys.get("nanos")?.as_u64()?).ok()?;
    Some(duration::format(Duration::new(seconds, nanos)).to_string())
}
