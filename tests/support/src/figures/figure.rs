//! One figure, and what was promised of it.

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// What it was promised to be.
    pub(crate) promised: String,
    /// What it is.
    pub(crate) found: String,
    /// Whether that is the promise.
    pub(crate) kept: bool,
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

/// The middle one; of two, the larger.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The least and the most, as `1.0–2.0`.
pub(super) fn span(values: impl IntoIterator<Item = f64>, decimals: usize) -> String {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values {
        (least, most) = (least.min(value), most.max(value));
    }
    format!("{least:.decimals$}–{most:.decimals$}")
}
