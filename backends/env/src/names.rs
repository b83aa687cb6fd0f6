//! Which variable holds which field.

use cofferdam_vault::{FieldName, SecretPath};

/// The account that needs no name: `github/default` is `GITHUB`.
const DEFAULT_ACCOUNT: &str = "default";

/// The variable of `field` of the secret at `path`: prefix, segments and field in upper case, joined with `_`, and `_`
/// in place of `-` and `.`. The last segment drops out where it is `default` and not the only one.
///
/// The mapping loses differences (`-` and `_` become one), so two secrets can land on one name;
/// [`collisions`](cofferdam_vault::BackendConfig::collisions) finds them before anything is read.
pub(crate) fn variable(prefix: Option<&str>, path: &SecretPath, field: &FieldName) -> String {
    let mut segments: Vec<&str> = path.segments().collect();
    if segments.len() > 1 && segments.last() == Some(&DEFAULT_ACCOUNT) {
        segments.pop();
    }
    let mut name = prefix.map(str::to_owned).unwrap_or_default();
    for part in segments.into_iter().chain([field.as_str()]) {
        if !name.is_empty() {
            name.push('_');
        }
        name.extend(part.chars().map(|c| match c {
            '-' | '.' => '_',
            other => other.to_ascii_uppercase(),
        }));
    }
    name
}

/// Why no variable can begin with `prefix` and `_`, where none can.
pub(crate) fn refuse_prefix(prefix: &str) -> Option<&'static str> {
    let bytes = prefix.as_bytes();
    if bytes.is_empty() {
        Some("is empty; leave the key out for no prefix")
    } else if !(bytes[0].is_ascii_alphabetic() || bytes[0] == b'_') {
        Some("must begin with a letter or `_`")
    } else if !bytes.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_') {
        Some("may hold only letters, digits and `_`")
    } else if prefix.ends_with('_') {
        Some("ends with `_`, which is added anyway")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{field, path};

    use super::*;

    #[test]
    fn every_field_has_its_variable() {
        for (prefix, at, name, expected) in [
            (None, "github/work", "token", "GITHUB_WORK_TOKEN"),
            (None, "github/default", "token", "GITHUB_TOKEN"),
            (Some("ACME"), "github/default", "token", "ACME_GITHUB_TOKEN"),
            (Some("acme"), "github/work", "token", "acme_GITHUB_WORK_TOKEN"),
            (None, "my-module/eu_west", "client-secret", "MY_MODULE_EU_WEST_CLIENT_SECRET"),
            (None, "gcp/work", "private.key", "GCP_WORK_PRIVATE_KEY"),
            (None, "gcp/work", "Client_ID", "GCP_WORK_CLIENT_ID"),
            (None, "default", "token", "DEFAULT_TOKEN"),
            (None, "default/work", "token", "DEFAULT_WORK_TOKEN"),
            (None, "default/default", "token", "DEFAULT_TOKEN"),
            (None, "team/github/default", "token", "TEAM_GITHUB_TOKEN"),
            (None, "1password/work", "_x", "1PASSWORD_WORK__X"),
        ] {
            assert_eq!(variable(prefix, &path(at), &field(name)), expected);
        }
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_variable() {
        for good in ["ACME", "acme", "A1", "_A", "A_B"] {
            assert_eq!(refuse_prefix(good), None, "{good}");
        }
        for bad in ["", "1A", "A-B", "A B", "A=", "ACME_", "É"] {
            assert!(refuse_prefix(bad).is_some(), "{bad:?} was taken");
        }
    }
}
