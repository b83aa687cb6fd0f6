//! A profile that is rejected.

use std::fmt;

use cofferdam_config::{Diagnostic, Diagnostics, Severity};
use serde::Serialize;

/// A profile that is rejected, with everything that is wrong with it, by location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileError {
    /// The profile's name, as it was given.
    pub profile: String,
    /// The diagnostics; at least one is an error.
    pub problems: Diagnostics,
}

impl ProfileError {
    /// The profile `profile`, with a single diagnostic.
    pub(super) fn new(profile: &str, problems: impl Into<Diagnostics>) -> Self {
        Self { profile: profile.to_owned(), problems: problems.into() }
    }

    /// All diagnostics, one a line, for a plain terminal or a log.
    pub fn report(&self) -> String {
        self.problems.to_string()
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
        let errors = self.problems.iter().filter(is_error).count();
        let plural = if errors == 1 { "" } else { "s" };
        write!(f, "profile \"{}\" has {errors} problem{plural}", self.profile.escape_debug())
    }
}

impl std::error::Error for ProfileError {}
