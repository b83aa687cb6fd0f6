//! Queries on a part of the profile's JSON schema, and what to write for it.

use cofferdam_config::{Diagnostic, Text, duration, text};
use serde_json::Value as Schema;

/// The schemas of which a value must match one, if there are several. A choice of strings counts as one: see [`constants`].
pub(super) fn branches(schema: &Schema) -> Option<&[Schema]> {
    let branches = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let is_choice = branches.iter().all(|branch| branch.get("const").is_some());
    (!is_choice).then_some(branches)
}

/// The key whose constant distinguishes the branches.
pub(super) fn choice_key(branches: &[Schema]) -> Option<&str> {
    let constants = |branch: &Schema, key: &str| {
        branch.get("properties").and_then(|p| p.get(key)).is_some_and(|schema| schema.get("const").is_some())
    };
    let keys = branches.first()?.get("properties")?.as_object()?.keys();
    keys.map(String::as_str).find(|key| branches.iter().all(|branch| constants(branch, key)))
}

/// The strings that a schema allows, if it allows only some.
///
/// schemars represents a choice of strings with descriptions as one schema per string.
pub(super) fn constants(schema: &Schema) -> Vec<&str> {
    let list = |key| schema.get(key).and_then(Schema::as_array).into_iter().flatten();
    let described = list("oneOf").filter_map(|branch| branch.get("const"));
    schema.get("const").into_iter().chain(list("enum")).chain(described).filter_map(Schema::as_str).collect()
}

/// The pattern of a string.
pub(super) fn pattern_of(schema: Option<&Schema>) -> Option<&str> {
    schema?.get("pattern")?.as_str()
}

/// A key or a choice that the schema names. The schema is part of this program.
pub(super) fn of_schema(name: &str) -> Text {
    Text::unchecked(name)
}

/// What a schema expects, for the end of a sentence that begins with "write".
pub(super) fn expected(schema: &Schema) -> Text {
    let constants = constants(schema);
    if !constants.is_empty() {
        return text!("\"{}\"", Text::join(constants.into_iter().map(of_schema), "\" or \""));
    }
    let required = schema.get("required").and_then(Schema::as_array).into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Schema::as_str).collect();
    match (schema.get("type").and_then(Schema::as_str), pattern_of(Some(schema))) {
        (Some("object"), _) if !required.is_empty() => {
            return text!("a table with `{}`", Text::join(required.into_iter().map(of_schema), "`, `"));
        }
        (Some("string"), Some(duration::PATTERN)) => duration::EXPECTED,
        (Some("string"), _) => "a string in double quotes",
        (Some("integer"), _) => "a whole number without quotes",
        (Some("number"), _) => "a number without quotes",
        (Some("boolean"), _) => "`true` or `false` without quotes",
        (Some("array"), _) => "a list, such as [\"a\", \"b\"]",
        _ => "a table",
    }
    .into()
}

/// The diagnostic for a key that would hold a secret, in a table with the keys `known`.
pub(super) fn secret_key<'k>(key: &str, known: impl IntoIterator<Item = &'k str>) -> Diagnostic {
    let by_file = format!("{key}_file");
    let help = match known.into_iter().find(|known| *known == by_file) {
        Some(known) => text!("put the secret into a file, and name the file: `{}`", of_schema(known)),
        None => "remove it; the credentials of a module belong in its vault".into(),
    };
    Diagnostic::error("", "unknown key, and a profile must not contain secrets; its value was not read", help)
}
