//! Parses TOML: the tables, and what is wrong with the syntax.

use std::fmt;

use cofferdam_config_macros::text;
use toml::Spanned;
use toml::de::DeTable;

use super::collector::Collector;
use super::source::SourceText;
use crate::{Diagnostic, Diagnostics, KeyPath, Text};

/// A document as far as it could be parsed.
pub struct Document<'t> {
    source: &'t SourceText,
    root: Spanned<DeTable<'t>>,
    diagnostics: Diagnostics,
    complete: bool,
}

impl fmt::Debug for Document<'_> {
    /// Without the values: a secret may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("diagnostics", &self.diagnostics)
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

impl<'t> Document<'t> {
    /// The table at the top.
    pub fn root(&self) -> &DeTable<'t> {
        self.root.get_ref()
    }

    /// What is wrong with the syntax.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// Whether all values could be read. A key that is defined twice leaves the rest of a document readable. After any other
    /// mistake of syntax a further diagnostic could be an echo of the first.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// A collector that holds what is wrong with the syntax.
    pub fn collector(&self) -> Collector<'t> {
        Collector::new(self.source, self.diagnostics.clone())
    }
}

/// Parses `source`. Never fails: what is wrong is in the document.
pub fn parse(source: &SourceText) -> Document<'_> {
    let text = source.text();
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut document = Document { source, root, diagnostics: Diagnostics::new(), complete: true };
    let mut repeated_headers = Vec::new();
    for error in errors {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let found = match first_definition(text, at, &repeated_headers) {
            Some(First::At { key, line }) => {
                repeated_headers.push(source.line_of(at));
                let message = text!("defined a second time; the first definition is in line {line}");
                Diagnostic::error(key, message, "keep one of the two, or rename one")
            }
            Some(First::InRepeatedTable) => continue,
            None => {
                document.complete = false;
                // The parser's own message has no text of the file in it; its `Display` would quote the line.
                let message = text!("not valid TOML: {}", Text::unchecked(error.message()));
                Diagnostic::error("", message, "correct the line; strings are written in double quotes")
            }
        };
        document.diagnostics.push(found.at(source.location(at)));
    }
    document
}

/// The first definition of what is defined a second time.
enum First {
    /// It is in this line.
    At { key: String, line: usize },
    /// It belongs to a table that is itself defined a second time, which has been reported.
    InRepeatedTable,
}

/// Finds the first definition of the key in the line of the byte `at`, if there is one.
///
/// The parser reports that a key is defined twice, but not the line of the first definition. This compares whole lines, so
/// a second key inside an inline table, or in the middle of a long string, is reported without the line of the first.
fn first_definition(text: &str, at: usize, repeated_headers: &[usize]) -> Option<First> {
    let here = text.get(..at)?.matches('\n').count();
    let lines: Vec<_> = text.lines().collect();
    let found = *lines.get(here)?;
    let section = lines.get(..here)?.iter().rposition(|line| header(line).is_some());
    if let Some(name) = header(found) {
        let first = lines[..here].iter().position(|line| header(line).as_ref() == Some(&name))?;
        return Some(First::At { key: name.to_string(), line: first + 1 });
    }
    let name = key_before_equals(found)?;
    if section.is_some_and(|line| repeated_headers.contains(&(line + 1))) {
        return Some(First::InRepeatedTable);
    }
    let start = section.map_or(0, |line| line + 1);
    let first = lines[start..here].iter().position(|line| key_before_equals(line) == Some(name))?;
    let table = section.and_then(|line| header(lines[line])).unwrap_or_default();
    Some(First::At { key: table.below(name).to_string(), line: start + first + 1 })
}

/// The path in a line that is a whole table header, `[a.b]`. An entry of a list of tables may be defined twice.
fn header(line: &str) -> Option<KeyPath> {
    let line = line.trim_start();
    if !line.starts_with('[') || line.starts_with("[[") {
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(line);
    let mut keys = Vec::new();
    let mut table = root.get_ref();
    while let Some((key, value)) = table.iter().next() {
        keys.push(key.get_ref().to_string());
        table = value.get_ref().as_table()?;
    }
    (errors.is_empty() && !keys.is_empty()).then(|| KeyPath::new(keys))
}

/// The key of a line `key = …`, if it is a plain one.
fn key_before_equals(line: &str) -> Option<&str> {
    let key = line.split_once('=')?.0.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!key.is_empty() && key.chars().all(plain)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    fn found(text: &str) -> (String, bool) {
        let source = SourceText::new(Origin::File("a.toml".into()), text);
        let document = parse(&source);
        (document.collector().into_diagnostics().to_string(), document.is_complete())
    }

    #[test]
    fn a_second_definition_names_the_line_of_the_first() {
        let help = "keep one of the two, or rename one";
        assert_eq!(
            found("[a]\nx = 1\nx = 2\n"),
            (
                format!(
                    "a.toml:3:1  a.x: defined a second time; the first definition is in line 2; {help}\n"
                ),
                true
            )
        );
        // What the second table repeats is not reported again.
        assert_eq!(
            found("[a]\nx = 1\n[b]\n[a]\nx = 2\n"),
            (
                format!("a.toml:4:2  a: defined a second time; the first definition is in line 1; {help}\n"),
                true
            )
        );
    }

    #[test]
    fn a_mistake_of_syntax_is_located_and_not_quoted() {
        let (found, complete) = found("a = 1\nb = hunter2\n");
        assert!(found.starts_with("a.toml:2:5  not valid TOML: ") && !complete, "{found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
}
