//! One figure and its promise.

/// One line of the table.
#[derive(Debug)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// What is promised.
    pub promised: String,
    /// What it measured.
    pub found: String,
    /// Whether the promise is kept.
    pub kept: bool,
}

impl Figure {
    pub(crate) fn new(
        what: impl Into<String>,
        promised: impl Into<String>,
        found: impl Into<String>,
        kept: bool,
    ) -> Self {
        Self { what: what.into(), promised: promised.into(), found: found.into(), kept }
    }
}
