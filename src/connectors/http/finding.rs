//! One thing that is wrong with a manifest's `[http]` table or a tool's `request`.

/// One thing that is wrong with a table, by its key. The manifest's loader adds file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key inside the table that was checked, with dots between nested ones: `query.state`, `limits.answer`.
    pub key: String,
    /// What was found, and why it cannot be.
    pub message: String,
    /// What would be right.
    pub remedy: String,
}

impl Finding {
    pub(super) fn new(key: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), remedy: remedy.into() }
    }
}
