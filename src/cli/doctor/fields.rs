//! Checks that the fields of a credential look like values that a service can accept.

use cofferdam_config::{Diagnostic, text};
use cofferdam_vault::{ExposeSecret as _, FieldName, Secret};

use crate::broker::FieldDefect;

/// Returns the problems of the fields of `secret`. They name the fields and never contain a part of a value.
pub(super) fn diagnostics(secret: &Secret) -> Vec<Diagnostic> {
    secret.fields.iter().filter_map(|(name, value)| problem(name, value.expose_secret())).collect()
}

fn problem(name: &FieldName, value: &str) -> Option<Diagnostic> {
    let set_again = text!("set `{name}` again, to the value only");
    let quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    if value.is_empty() {
        return Some(Diagnostic::error("", text!("field `{name}` is empty"), set_again));
    }
    if let Some(defect) = FieldDefect::find(value) {
        let help = match defect {
            FieldDefect::WhiteSpaceAround => {
                text!("{set_again}; `tr -d '\\n' < FILE` removes the line break that editors append")
            }
            FieldDefect::ByteOrderMark | FieldDefect::ControlCharacter => set_again,
        };
        return Some(Diagnostic::error("", text!("field `{name}` {defect}"), help));
    }
    (quoted('"') || quoted('\'')).then(|| {
        Diagnostic::warning(
            "",
            text!("field `{name}` is in quotes, which may have been copied with it"),
            set_again,
        )
    })
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
        for bad in ["", "canary\n", " canary", "can\nary", "canary\u{0}x", "\tcanary", "\u{feff}canary"] {
            assert_eq!(level(bad), Some(Severity::Error), "{bad:?}");
        }
        for notice in ["\"canary\"", "'canary'"] {
            assert_eq!(level(notice), Some(Severity::Warning), "{notice:?}");
        }
    }
}
