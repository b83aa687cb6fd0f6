//! Whether a credential's fields look like something that a service can take.

use cofferdam_config::Diagnostic;
use cofferdam_vault::{ExposeSecret as _, FieldName, Secret};

/// What is wrong with the fields of `secret`. Tells names and what is wrong, never a part of a value.
pub(super) fn malformed(secret: &Secret) -> Vec<Diagnostic> {
    secret.fields.iter().filter_map(|(name, text)| judge(name, text.expose_secret())).collect()
}

fn judge(name: &FieldName, text: &str) -> Option<Diagnostic> {
    let again = format!("set `{name}` again, with the value alone");
    let trimmed =
        format!("{again}; `tr -d '\\n' < FILE` leaves out the line break that editors put at the end");
    // A key in PEM is lines by nature.
    let pem = text.starts_with("-----BEGIN");
    let quoted = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if text.is_empty() {
        Some(Diagnostic::error("", format!("the field `{name}` is empty"), again))
    } else if !pem && text.trim() != text {
        Some(Diagnostic::error(
            "",
            format!("the field `{name}` begins or ends with white space, which no service expects"),
            trimmed,
        ))
    } else if !pem && text.contains(char::is_control) {
        Some(Diagnostic::error(
            "",
            format!(
                "the field `{name}` holds a line break or a control character, which no request can carry"
            ),
            again,
        ))
    } else if quoted('"') || quoted('\'') {
        Some(Diagnostic::warning(
            "",
            format!("the field `{name}` stands in quotes, as if copied with them"),
            again,
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
    fn a_value_that_was_pasted_wrongly_is_told_and_not_shown() {
        let name: FieldName = "token".parse().unwrap();
        let level = |text: &str| {
            let found = judge(&name, text);
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
            found.map(|finding| finding.severity)
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
