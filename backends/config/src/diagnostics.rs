//! The collector of diagnostics.

use std::fmt;

use serde::Serialize;

use crate::{Diagnostic, Severity, Shown, Text};

/// Everything that is wrong with something, so that all of it is reported together.
///
/// ```
/// use cofferdam_config::{Diagnostics, text};
///
/// fn check(file: &str, retries: u32) -> Diagnostics {
///     let mut found = Diagnostics::new();
///     if file.is_empty() {
///         found.error("file", "the path is empty", "name a file");
///     }
///     if retries > 10 {
///         found.error("retries", text!("{retries} is too many"), "write a number from 0 to 10");
///     }
///     found
/// }
/// assert_eq!(check("", 11).len(), 2);
/// assert!(check("team.age", 3).is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// A collector with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an error about `key`.
    pub fn error(&mut self, key: impl Into<String>, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(Diagnostic::error(key, message, help));
    }

    /// Adds a warning about `key`.
    pub fn warning(&mut self, key: impl Into<String>, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(Diagnostic::warning(key, message, help));
    }

    /// Adds a check of `key` that passed.
    pub fn info(&mut self, key: impl Into<String>, message: impl Into<Text>) {
        self.push(Diagnostic::info(key, message));
    }

    /// Adds `diagnostic`.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// The value of `result`; its error is added.
    ///
    /// ```
    /// use cofferdam_config::{Diagnostic, Diagnostics};
    ///
    /// let mut found = Diagnostics::new();
    /// let wrong: Result<u8, _> = Err(Diagnostic::error("kv", "3 is not a version", "write 1 or 2"));
    /// assert_eq!(found.take(wrong), None);
    /// assert_eq!(found.len(), 1);
    /// ```
    pub fn take<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.push(diagnostic)).ok()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were found.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The diagnostics, in the order in which they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Keeps those for which `keep` returns true.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.0.retain(keep);
    }

    /// The same diagnostics by location, then by key.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }

    /// `value` if nothing was found.
    ///
    /// # Errors
    ///
    /// Everything that was found, warnings too.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        self.0.extend(diagnostics);
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    /// One diagnostic a line, each with a line break at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|diagnostic| writeln!(f, "{diagnostic}"))
    }
}

impl Shown for Diagnostics {}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Location, Origin};

    #[test]
    fn all_are_reported_by_location() {
        let at = |line| Location { origin: Origin::File("a.toml".into()), line: Some(line), column: None };
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error("b", "second", "fix b").at(at(10)));
        found.push(Diagnostic::error("a", "first", "fix a").at(at(9)));
        assert_eq!(
            found.clone().sorted().to_string(),
            "a.toml:9  a: first; fix a\na.toml:10  b: second; fix b\n"
        );
        assert_eq!(found.clone().into_result(()), Err(found));
        assert_eq!(Diagnostics::new().into_result(7), Ok(7));
    }

    #[test]
    fn only_an_error_is_an_error() {
        let mut found = Diagnostics::new();
        found.warning("a", "unused", "remove it");
        found.info("", "readable");
        assert!(!found.has_errors() && !found.is_empty());
        found.error("a", "wrong", "fix it");
        assert!(found.has_errors());
    }
}
