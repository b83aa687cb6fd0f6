//! The mapping from fields to files.

use std::path::PathBuf;

use cofferdam_vault::{FieldName, SecretPath};

/// The separator of a flat name. No segment of a path contains it.
const DOT: char = '.';

/// `github/work/token`: a folder for each segment, and a file for the field.
pub(crate) fn nested(path: &SecretPath, field: &FieldName) -> PathBuf {
    folder(path).join(field.as_str())
}

/// `github/work`: the folder of a secret whose fields are nested.
pub(crate) fn folder(path: &SecretPath) -> PathBuf {
    path.segments().collect()
}

/// `github.work.token`: a file in the folder itself. `None` if the field's name contains a dot, so that the last dot always
/// precedes the field.
pub(crate) fn flat(path: &SecretPath, field: &FieldName) -> Option<String> {
    let plain = !field.as_str().contains(DOT);
    plain.then(|| format!("{}{DOT}{field}", path.as_str().replace('/', ".")))
}

/// The path and field of a flat name; `None` if it is not one.
pub(crate) fn from_flat(name: &str) -> Option<(SecretPath, FieldName)> {
    let (path, field) = name.rsplit_once(DOT)?;
    Some((path.replace(DOT, "/").parse().ok()?, field.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use cofferdam_vault::testkit::{field, path};

    use super::*;

    #[test]
    fn a_field_maps_to_its_files() {
        for (at, name, expected_nested, expected_flat) in [
            ("github/work", "token", "github/work/token", Some("github.work.token")),
            ("github", "token", "github/token", Some("github.token")),
            ("a-b/c_d/e", "Client_ID", "a-b/c_d/e/Client_ID", Some("a-b.c_d.e.Client_ID")),
            ("gcp/work", "private.key", "gcp/work/private.key", None),
        ] {
            let (at, name) = (path(at), field(name));
            assert_eq!(nested(&at, &name), Path::new(expected_nested));
            assert_eq!(flat(&at, &name).as_deref(), expected_flat);
            if let Some(flat) = expected_flat {
                assert_eq!(from_flat(flat), Some((at, name)));
            }
        }
    }

    #[test]
    fn no_two_fields_share_a_file() {
        let parts = ["a", "b", "a_b", "a-b", "b-c", "token"];
        let fields = ["a", "b", "b.a", "a.b", "a_b", "a-b", "b.token", "token"];
        let mut files = BTreeSet::new();
        for one in parts {
            let paths = parts.iter().map(|two| format!("{one}/{two}")).chain([one.to_owned()]);
            for at in paths {
                for name in fields {
                    let (at, name) = (path(&at), field(name));
                    assert!(files.insert(nested(&at, &name)), "{at} {name}");
                    if let Some(flat) = flat(&at, &name) {
                        assert!(files.insert(flat.into()), "{at} {name}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_names_are_not_flat_names() {
        // Entries of the kubelet next to the keys, and other files.
        for name in ["..data", "..2026_11_21", ".env", "token", "README.md", "a..b", "a.1b", "a.b/c", ""] {
            assert_eq!(from_flat(name), None, "{name}");
        }
    }
}
