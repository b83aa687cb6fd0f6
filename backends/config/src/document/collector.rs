//! Collects the diagnostics about one document.

use std::cell::RefCell;
use std::ops::Range;

use super::source::SourceText;
use crate::{Diagnostic, Diagnostics, Text};

/// Collects the diagnostics about one document, and locates each in it.
///
/// All readers of a document share it, so it is changed through a shared reference.
#[derive(Debug)]
pub struct Collector<'t> {
    source: &'t SourceText,
    found: RefCell<Diagnostics>,
}

impl<'t> Collector<'t> {
    pub(super) fn new(source: &'t SourceText, found: Diagnostics) -> Self {
        Self { source, found: RefCell::new(found) }
    }

    /// Adds an error about `key`, written at the bytes `span`.
    pub fn error(
        &self,
        span: &Range<usize>,
        key: impl Into<String>,
        message: impl Into<Text>,
        help: impl Into<Text>,
    ) {
        self.push(span, Diagnostic::error(key, message, help));
    }

    /// Adds `diagnostic`, written at the bytes `span`.
    pub fn push(&self, span: &Range<usize>, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic.at(self.source.location(span.start)));
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Everything that was found, by location.
    pub fn into_diagnostics(self) -> Diagnostics {
        self.found.into_inner().sorted()
    }
}
