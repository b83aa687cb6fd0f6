//! The variables of a dotenv document, named as those of backend `env`.

use cofferdam_vault::{FieldName, SecretPath};

/// The variable of `field` of the secret at `path`: `GITHUB_WORK_TOKEN`. The last segment of the path is left out if it is
/// `default` and not the only one.
pub(crate) fn variable(path: &SecretPath, field: &FieldName) -> String {
    format!("{}{}", prefix(path), upper(field.as_str()))
}

/// What the variables of the secret at `path` begin with: `GITHUB_WORK_`.
pub(crate) fn prefix(path: &SecretPath) -> String {
    let path = path.as_str();
    upper(path.strip_suffix("/default").unwrap_or(path)) + "_"
}

fn upper(text: &str) -> String {
    text.replace(['/', '-', '.'], "_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{field, path};

    use super::*;

    #[test]
    fn a_field_maps_to_its_variable() {
        for (at, name, expected) in [
            ("github/work", "token", "GITHUB_WORK_TOKEN"),
            ("github/default", "token", "GITHUB_TOKEN"),
            ("default", "token", "DEFAULT_TOKEN"),
            ("my-api/eu/work", "private.key", "MY_API_EU_WORK_PRIVATE_KEY"),
        ] {
            assert_eq!(variable(&path(at), &field(name)), expected);
        }
    }
}
