//! Checks that the fields of a credential look like values that a service can accept.

use cofferdam_config::Diagnostic;
use cofferdam_vault::{ExposeSecret as _, FieldName, Secret};

/// Returns the problems of the fields of `secret`. They name the fields and never contain a part of a value.
pub(super) fn diagnostics(secret: &Secret) -> Vec<Diagnostic> {
    secret.fields.iter().filter_map(|(name, value)| problem(name, value.expose_secret())).collect()
}

fn problem(name: &FieldName, value: &str) -> Option<Diagnostic> {
    let set_again = format!("set `{name}` again, to the value only");
    let trim = format!("{set_again}; `tr -d '\\n' < FILE` removes the line break that editors append");
    // A PEM key has several lines.
    let pem = value.starts_with("-----BEGIN");
    let quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    if value.is_empty() {
        Some(Diagnostic::error("", format!("field `{name}` is empty"), set_again))
    } else if !pem && value.trim() != value {
        Some(Diagnostic::error(
            "",
            format!("field `{name}` starts or ends with white space, which no service accepts"),
            trim,
        ))
    } else if !pem && value.contains(char::is_control) {
        Some(Diagnostic::error(
            "",
            format!(
                "field `{name}` contains a line break or control character, which no HTTP header can carry"
            ),
            set_again,
        ))
    } else if quoted('"') || quoted('\'') {
        Some(Diagnostic::warning(
            "",
            format!("field `{name}` is in quotes, which may have been copied with it"),
            set_again,
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_config::Severity;

    #[test]
    fn a_badly_pasted_value_is_reported_and_not_shown() {
        let name: FieldName = "token".parse().unwrap();
        let level = |text: &str| {
            let found = problem(&name, text);
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
            found.map(|diagnostic| diagnostic.severity)
        };
        for good in ["canary", "-----BEGIN KEY-----\ncanary\n-----END KEY-----\n", "pass word", "\"", "ü"] {
            assert_eq!(level(good), None, "{good:?}");
        }
        for bad in ["", "canary\n", " canary", "can\nary", "canary\u{0}x", "\tcanary"] {
            assert_eq!(level(bad), Some(Severity::Error), "{bad:?}");
        }
        for notice in ["\"canary\"", "'canary'"] {
            assert_eq!(level(notice), Some(Severity::Warning), "{notice:?}");
        }
    }
}
