//! JMESPath expressions of a manifest.

use cofferdam_config::{Diagnostics, text};
use jmespath::Expression;

/// Compiles the JMESPath at `key`. Returns `None` if it is invalid; that is reported to `diagnostics`.
pub(super) fn compile(key: &str, text: &str, diagnostics: &mut Diagnostics) -> Option<Expression<'static>> {
    jmespath::compile(text)
        .map_err(|error| {
            // Both count from zero; people count from one. The parser's reason quotes the expression.
            let (line, column) = (error.line + 1, error.column + 1);
            let why = text!("is not a valid JMESPath at line {line}, column {column} of it");
            diagnostics.error(key, why, "see https://jmespath.org for the syntax");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_located_and_not_quoted() {
        let mut found = Diagnostics::new();
        assert!(compile("errors.message", "a.`ghp_q7Zp2mXv9LrT4wBn", &mut found).is_none());
        let found = found.to_string();
        assert!(found.starts_with("errors.message: is not a valid JMESPath at line 1, column "), "{found}");
        assert!(!found.contains("q7Zp2mXv9LrT4wBn"), "{found}");
    }
}
