//! The mapping from fields to variables.

use cofferdam_vault::{FieldName, SecretPath};

/// The account that is left out: `github/default` is `GITHUB`.
const DEFAULT_ACCOUNT: &str = "default";

/// The variable of `field` of the secret at `path`: prefix, segments and field in upper case, joined with `_`. `-` and `.`
/// become `_`. The last segment is left out if it is `default` and not the only one.
///
/// The mapping is not injective, because `-` and `_` become the same. A profile in which two secrets share a variable is
/// refused: see [`BackendConfig::names`](cofferdam_vault::BackendConfig::names).
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

/// Why `prefix` cannot be the prefix of a variable; `None` if it can.
pub(crate) fn invalid_prefix(prefix: &str) -> Option<&'static str> {
    let bytes = prefix.as_bytes();
    if bytes.is_empty() {
        Some("is empty")
    } else if !(bytes[0].is_ascii_alphabetic() || bytes[0] == b'_') {
        Some("must start with a letter or `_`")
    } else if !bytes.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_') {
        Some("may contain only letters, digits and `_`")
    } else if prefix.ends_with('_') {
        Some("must not end with `_`, which is added")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{field, path};

    use super::*;

    #[test]
    fn a_field_maps_to_a_variable() {
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
    fn a_prefix_starts_a_valid_variable() {
        for good in ["ACME", "acme", "A1", "_A", "A_B"] {
            assert_eq!(invalid_prefix(good), None, "{good}");
        }
        for bad in ["", "1A", "A-B", "A B", "A=", "ACME_", "É"] {
            assert!(invalid_prefix(bad).is_some(), "{bad:?} was accepted");
        }
    }
}
