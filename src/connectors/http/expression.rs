//! JMESPath expressions of a manifest.

use jmespath::Expression;

use super::finding::Finding;

/// Compiles the JMESPath at `key`. Returns `None` if it is invalid; that is reported to `findings`.
pub(super) fn compile(key: &str, text: &str, findings: &mut Vec<Finding>) -> Option<Expression<'static>> {
    jmespath::compile(text)
        .map_err(|e| {
            let why = format!("`{text}` is not a valid JMESPath: {}", e.reason);
            findings.push(Finding::new(key, why, "see https://jmespath.org for the syntax"));
        })
        .ok()
}
