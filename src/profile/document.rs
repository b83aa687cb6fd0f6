//! A profile's text: its values, and where in the file each key and value stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::KeyPath;
use super::problem::{Origin, Place, Problem, Severity};

/// A profile's file as far as it could be read.
#[derive(Debug)]
pub(super) struct Document {
    /// The values.
    pub(super) values: Dict,
    /// What is wrong with the text itself.
    pub(super) problems: Vec<Problem>,
    /// Whether the values are all there: a key that is defined twice leaves the rest of the file readable, other
    /// mistakes of syntax do not, and then any further finding could be an echo of the first.
    pub(super) readable: bool,
    spans: BTreeMap<KeyPath, Spans>,
    lines: Lines,
    file: PathBuf,
}

/// Where a key and its value stand, in bytes. For a table that has a header both are the header's.
#[derive(Debug, Clone)]
struct Spans {
    key: Range<usize>,
    value: Range<usize>,
}

/// Which half of `key = value` is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The name before the equals sign.
    Key,
    /// What stands behind it.
    Value,
}

impl Document {
    /// Reads `text`. Never fails: what cannot be read is in `problems`.
    pub(super) fn read(file: PathBuf, text: &str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut document = Self {
            values: Dict::new(),
            problems: Vec::new(),
            readable: true,
            spans: BTreeMap::new(),
            lines: Lines::of(text),
            file,
        };
        let mut repeated = Vec::new();
        for error in errors {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            match earlier_definition(text, at, &repeated) {
                Some(Earlier::At { key, line }) => {
                    repeated.push(document.lines.of_byte(at).0);
                    document.syntax(
                        at,
                        &key,
                        format!("defined a second time; the first stands in line {line}"),
                        "keep one of the two, or rename one",
                    );
                }
                Some(Earlier::Table) => {}
                None => {
                    document.readable = false;
                    // The parser's own message has no text of the file in it; its `Display` would quote the line.
                    let message = format!("no valid TOML: {}", error.message());
                    document.syntax(at, "", message, "mend the line; texts stand in double quotes");
                }
            }
        }
        document.values = document.table(&KeyPath::default(), root.get_ref());
        document
    }

    /// Where `path` stands in the file; the nearest table around it where it stands nowhere.
    pub(super) fn place(&self, path: &KeyPath, part: Part) -> Place {
        let mut path = path.clone();
        let at = loop {
            if let Some(spans) = self.spans.get(&path) {
                break if part == Part::Key { spans.key.start } else { spans.value.start };
            }
            match path.parent() {
                Some(parent) => path = parent,
                None => break 0,
            }
        };
        self.place_of_byte(at)
    }

    /// Whether `path` stands in the file.
    pub(super) fn has(&self, path: &KeyPath) -> bool {
        self.spans.contains_key(path)
    }

    /// The names in the table `path`, in the file's order.
    pub(super) fn names(&self, path: &KeyPath) -> Vec<String> {
        let depth = path.keys().len() + 1;
        let mut names: Vec<_> = self
            .spans
            .iter()
            .filter(|(key, _)| key.keys().len() == depth && key.starts_with(path))
            .filter_map(|(key, spans)| Some((spans.key.start, key.keys().last()?.clone())))
            .collect();
        names.sort();
        names.into_iter().map(|(_, name)| name).collect()
    }

    fn place_of_byte(&self, at: usize) -> Place {
        let (line, column) = self.lines.of_byte(at);
        Place { origin: Origin::File(self.file.clone()), line: Some(line), column: Some(column) }
    }

    fn syntax(&mut self, at: usize, key: &str, message: String, remedy: &str) {
        self.problems.push(Problem {
            place: self.place_of_byte(at),
            key: key.to_owned(),
            message,
            remedy: remedy.to_owned(),
            severity: Severity::Error,
        });
    }

    fn table(&mut self, path: &KeyPath, table: &DeTable<'_>) -> Dict {
        let mut dict = Dict::new();
        for (key, value) in table {
            let path = path.child(key.get_ref());
            self.spans.insert(path.clone(), Spans { key: key.span(), value: value.span() });
            if let Some(value) = self.value(&path, value) {
                dict.insert(key.get_ref().to_string(), value);
            }
        }
        dict
    }

    fn value(&mut self, path: &KeyPath, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        Some(match value.get_ref() {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Boolean(flag) => Value::from(*flag),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::from(number),
                Err(_) => {
                    self.readable = false;
                    let message = "this number does not fit 64 bits".to_owned();
                    self.syntax(value.span().start, &path.to_string(), message, "write a smaller number");
                    return None;
                }
            },
            DeValue::Float(number) => Value::from(number.as_str().parse::<f64>().ok()?),
            // No key takes a date; as text it is refused, or taken, like any other text.
            DeValue::Datetime(date) => Value::from(date.to_string().as_str()),
            DeValue::Array(array) => {
                let mut values = Vec::with_capacity(array.len());
                for (index, value) in array.iter().enumerate() {
                    let path = path.child(index);
                    self.spans.insert(path.clone(), Spans { key: value.span(), value: value.span() });
                    values.extend(self.value(&path, value));
                }
                Value::from(values)
            }
            DeValue::Table(table) => Value::from(self.table(path, table)),
        })
    }
}

/// The first definition of what is defined a second time.
enum Earlier {
    /// It stands in this line.
    At { key: String, line: usize },
    /// It belongs to a table that is itself defined a second time, and that has been reported.
    Table,
}

/// Finds the first definition of the key in the line of the byte `at`, if there is one.
///
/// The parser says that a key is there twice, but keeps the first one's line to itself. This looks at lines alone, so
/// a second key inside an inline table, or in the middle of a long text, is told without the first one's line.
fn earlier_definition(text: &str, at: usize, repeated: &[usize]) -> Option<Earlier> {
    let here = text.get(..at)?.matches('\n').count();
    let lines: Vec<_> = text.lines().collect();
    let found = *lines.get(here)?;
    let section = lines.get(..here)?.iter().rposition(|line| header(line).is_some());
    if let Some(name) = header(found) {
        let first = lines[..here].iter().position(|line| header(line).as_ref() == Some(&name))?;
        return Some(Earlier::At { key: name.to_string(), line: first + 1 });
    }
    let name = key_before_equals(found)?;
    if section.is_some_and(|line| repeated.contains(&(line + 1))) {
        return Some(Earlier::Table);
    }
    let start = section.map_or(0, |line| line + 1);
    let first = lines[start..here].iter().position(|line| key_before_equals(line) == Some(name))?;
    let table = section.and_then(|line| header(lines[line])).unwrap_or_default();
    Some(Earlier::At { key: table.below(name).to_string(), line: start + first + 1 })
}

/// The path in a line that is a whole table header, `[a.b]`. An entry of a list of tables may be there twice.
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
    (errors.is_empty() && !keys.is_empty()).then(|| KeyPath::of(keys))
}

/// The key of a line `key = …`, where it is a plain one.
fn key_before_equals(line: &str) -> Option<&str> {
    let key = line.split_once('=')?.0.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!key.is_empty() && key.chars().all(plain)).then_some(key)
}

/// Turns bytes into lines and columns.
#[derive(Debug)]
struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text: text.to_owned(), starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// Line and column of a byte, both from 1.
    fn of_byte(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }
}
