//! The JSON schema: complete, documented, and the one that is checked in.

use serde_json::{Value, json};

use super::*;

fn walk(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, schema);
    match schema {
        Value::Object(keys) => {
            keys.iter().for_each(|(key, value)| walk(value, &format!("{path}/{key}"), visit))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| walk(value, &format!("{path}/{index}"), visit));
        }
        _ => {}
    }
}

#[test]
fn every_table_is_closed_and_every_key_explained() {
    let schema = crate::profile::schema::of_backends(BACKENDS);
    walk(&schema, "", &mut |path, schema| {
        assert_ne!(schema, &Value::Null, "{path}: TOML has no null");
        assert_ne!(schema.get("type"), Some(&json!("null")), "{path}");
        assert!(schema.get("$ref").is_none(), "{path}");
        if let Some(Value::Object(keys)) = schema.get("properties") {
            assert!(schema.get("additionalProperties").is_some(), "{path} takes unknown keys");
            for (key, schema) in keys {
                let tagged = key == "method";
                assert!(tagged || schema.get("description").is_some(), "{path}/{key} has no description");
            }
        }
    });
    assert_eq!(
        schema.pointer("/properties/vaults/additionalProperties/oneOf/0/properties/cache_ttl/default"),
        Some(&json!("5m"))
    );
}

#[cfg(all(
    feature = "age",
    feature = "aws",
    feature = "env",
    feature = "file",
    feature = "hashicorp",
    feature = "keychain"
))]
#[test]
fn the_checked_in_schema_is_the_one_that_is_made() {
    let checked_in: Value =
        serde_json::from_str(include_str!("../../../profiles/profile.schema.json")).unwrap();
    assert!(checked_in == schema(), "update it: cargo run -- profile schema > profiles/profile.schema.json");
}

#[cfg(all(
    feature = "age",
    feature = "aws",
    feature = "env",
    feature = "file",
    feature = "hashicorp",
    feature = "keychain"
))]
#[test]
fn the_schema_takes_the_shipped_profiles_and_rejects_unknown_keys() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (name, text) in shipped::SHIPPED {
        let profile: toml::Table = text.parse().unwrap();
        let mut profile = serde_json::to_value(profile).unwrap();
        assert!(validator.is_valid(&profile), "{name}: {:?}", validator.validate(&profile));
        for table in ["/server", "/modules/github", ""] {
            let mut wrong = profile.clone();
            wrong.pointer_mut(table).unwrap()["zebra"] = json!(1);
            assert!(!validator.is_valid(&wrong), "{name} {table}");
        }
        let vaults = profile["vaults"].as_object_mut().unwrap();
        vaults.values_mut().next().unwrap()["zebra"] = json!(1);
        assert!(!validator.is_valid(&profile), "{name}");
    }
}
