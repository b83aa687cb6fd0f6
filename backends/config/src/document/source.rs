//! A source text, and the line and column of each byte in it.

use crate::{Location, Origin};

/// A source text with its origin.
#[derive(Debug, Clone)]
pub struct SourceText {
    origin: Origin,
    text: String,
    line_starts: Vec<usize>,
}

impl SourceText {
    /// `text` as it is written in `origin`.
    pub fn new(origin: Origin, text: impl Into<String>) -> Self {
        let text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        Self { origin, text, line_starts }
    }

    /// The source text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte at the index `at` is written. An index past the end counts as the end.
    pub fn location(&self, at: usize) -> Location {
        let line = self.line_of(at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..at.min(self.text.len())).unwrap_or("");
        Location { origin: self.origin.clone(), line: Some(line), column: Some(before.chars().count() + 1) }
    }

    /// The line of the byte at the index `at`, from 1.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_a_line_and_a_column_in_characters() {
        let source = SourceText::new(Origin::File("a.toml".into()), "a = 1\nzoë = 2\n");
        let at = |at| source.location(at).to_string();
        assert_eq!(at(0), "a.toml:1:1");
        assert_eq!(at(4), "a.toml:1:5");
        assert_eq!(at(6), "a.toml:2:1");
        assert_eq!(at(13), "a.toml:2:7");
        assert_eq!(at(1_000), "a.toml:3:1");
    }
}
