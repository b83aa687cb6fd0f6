//! The identity of a store, from its settings alone.

use std::path::Path;

use crate::testkit::{field, path};
use crate::{BackendConfig, FieldName};

/// Tests [`BackendConfig::store`] and [`BackendConfig::names`]. Both `one` and `parted` are settings of one store; they
/// differ in the key [`BackendConfig::PARTED_BY`] only.
///
/// # Panics
///
/// If two secrets of one vault have a common name, if a name depends on anything but settings and path, or if the key does
/// not part the two vaults.
pub fn exercise_settings<C: BackendConfig>(one: &C, parted: &C) {
    let base = Path::new("/site/profiles");
    let fields: Vec<FieldName> = vec![field("token"), field("user")];
    let names = |settings: &C, at: &str| settings.names(base, &path(at), &fields);
    let common = |one: &[String], other: &[String]| one.iter().any(|name| other.contains(name));

    assert!(one.store(base).may_be(&one.store(base)), "a store is itself");
    let first = names(one, "github/work");
    assert!(!first.is_empty(), "a secret has a name");
    assert_eq!(first, names(one, "github/work"), "a name follows from settings and path");
    for other in ["github/home", "notion/work", "github", "github/work/more"] {
        assert!(!common(&first, &names(one, other)), "github/work and {other} have a common name");
    }
    assert!(
        !one.store(base).may_be(&parted.store(base)) || !common(&first, &names(parted, "github/work")),
        "another `{}` does not part two vaults",
        C::PARTED_BY
    );
}
