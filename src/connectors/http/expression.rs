//! JMESPath expressions of a manifest.

use cofferdam_config::Diagnostics;
use jmespath::Expression;

/// Compiles the JMESPath at `key`. Returns `None` if it is invalid; that is reported to `diagnostics`.
pub(super) fn compile(key: &str, text: &str, diagnostics: &mut Diagnostics) -> Option<Expression<'static>> {
    jmespath::compile(text)
        .map_err(|e| {
            let why = format!("is not a valid JMESPath: {}", e.reason);
            diagnostics.error(key, why, "see https://jmespath.org for the syntax");
        })
        .ok()
}
