//! Compares two secrets without revealing where their values differ.

use cofferdam_vault::{ExposeSecret as _, FieldName, SecretFields};
use subtle::ConstantTimeEq as _;

/// How the fields of the destination compare with those of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The same fields with the same values.
    Equal,
    /// The differences. Names fields, and never contains values.
    Different(String),
}

/// Compares the fields. With `extra_fields_allowed`, the destination may have fields that the source does not have.
///
/// Values are compared in constant time.
pub(super) fn compare(
    source: &SecretFields,
    destination: &SecretFields,
    extra_fields_allowed: bool,
) -> Comparison {
    let mut differences = Vec::new();
    let mut add = |what: &str, names: Vec<&FieldName>| {
        if !names.is_empty() {
            let names: Vec<&str> = names.into_iter().map(FieldName::as_str).collect();
            differences.push(format!("{what} {}", names.join(", ")));
        }
    };
    add("the destination lacks", source.keys().filter(|name| !destination.contains_key(name)).collect());
    let changed = source.iter().filter(|(name, value)| {
        let other = destination.get(name);
        other.is_some_and(|other| !equal(value.expose_secret(), other.expose_secret()))
    });
    add("the destination has another value in", changed.map(|(name, _)| name).collect());
    if !extra_fields_allowed {
        let extra = destination.keys().filter(|name| !source.contains_key(name));
        add("the destination also has", extra.collect());
    }
    if differences.is_empty() { Comparison::Equal } else { Comparison::Different(differences.join("; ")) }
}

fn equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::fields;

    #[test]
    fn differences_are_reported_by_field_name() {
        let source = fields([("username", "ada"), ("password", "canary")]);
        let same = |other: &[(&str, &str)], extra| compare(&source, &fields(other.iter().copied()), extra);
        let different = |how: &str| Comparison::Different(how.to_owned());
        let full = [("username", "ada"), ("password", "canary")];
        assert_eq!(same(&full, false), Comparison::Equal);
        let more = [full[0], full[1], ("note", "canary-2")];
        assert_eq!(same(&more, true), Comparison::Equal);
        assert_eq!(same(&more, false), different("the destination also has note"));
        let other = [("username", "ada"), ("password", "canary ")];
        assert_eq!(same(&other, true), different("the destination has another value in password"));
        assert_eq!(same(&full[..1], true), different("the destination lacks password"));
    }
}
