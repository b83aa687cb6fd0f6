//! Whether two secrets hold the same, told without a hint of where they differ.

use cofferdam_vault::{ExposeSecret as _, FieldName, SecretFields};
use subtle::ConstantTimeEq as _;

/// How the destination's fields compare with the source's. Holds names alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Compared {
    /// The same fields with the same values.
    Same,
    /// They differ, and how: names of fields, never values.
    Differs(String),
}

/// Compares; `extra_allowed` where the source cannot tell what further fields it has.
///
/// Values are compared in a time that does not tell where they differ.
pub(super) fn compare(source: &SecretFields, destination: &SecretFields, extra_allowed: bool) -> Compared {
    let mut ways = Vec::new();
    let mut of = |what: &str, names: Vec<&FieldName>| {
        if !names.is_empty() {
            let names: Vec<&str> = names.into_iter().map(FieldName::as_str).collect();
            ways.push(format!("{what} {}", names.join(", ")));
        }
    };
    of("it lacks", source.keys().filter(|name| !destination.contains_key(name)).collect());
    let other = source.iter().filter(|(name, value)| {
        let there = destination.get(name);
        there.is_some_and(|there| !equal(value.expose_secret(), there.expose_secret()))
    });
    of("it has another value in", other.map(|(name, _)| name).collect());
    if !extra_allowed {
        of("it has also", destination.keys().filter(|name| !source.contains_key(name)).collect());
    }
    if ways.is_empty() { Compared::Same } else { Compared::Differs(ways.join("; ")) }
}

fn equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::fields;

    #[test]
    fn what_differs_is_told_by_names() {
        let source = fields([("username", "ada"), ("password", "canary")]);
        let same = |other: &[(&str, &str)], extra| compare(&source, &fields(other.iter().copied()), extra);
        let full = [("username", "ada"), ("password", "canary")];
        assert_eq!(same(&full, false), Compared::Same);
        let more = [full[0], full[1], ("note", "canary-2")];
        assert_eq!(same(&more, true), Compared::Same);
        assert_eq!(same(&more, false), Compared::Differs("it has also note".into()));
        let other = [("username", "ada"), ("password", "canary ")];
        assert_eq!(same(&other, true), Compared::Differs("it has another value in password".into()));
        assert_eq!(same(&full[..1], true), Compared::Differs("it lacks password".into()));
    }
}
