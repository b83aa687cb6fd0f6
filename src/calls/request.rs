//! What a caller asks for.

use serde_json::{Map, Value};

/// A call of one tool.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The module's name.
    pub module: String,
    /// The tool's name.
    pub tool: String,
    /// The tool's arguments.
    pub arguments: Map<String, Value>,
    /// The account's name. If absent, a read uses the module's default account.
    pub account: Option<String>,
    /// Whether the whole answer is returned instead of what the manifest selects.
    pub full: bool,
}
