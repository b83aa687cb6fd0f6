//! The tables of a manifest with their places, and the collector of everything that is wrong with them.
//!
//! serde stops at the first mistake; a manifest is to be told all of its mistakes at once. So the tables are walked by
//! hand, and only the connector's tables, which are its own business, go through serde.

use std::cell::RefCell;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::field_names;
use super::problem::ManifestProblem;
use super::read::{Misfit, read};
use crate::names::{listed, nearest};

/// How long a tool's name may be that stands in a key.
const SHOWN_BYTES: usize = 64;

/// Turns places in the text into lines and collects problems.
pub(super) struct Report {
    line_starts: Vec<usize>,
    problems: RefCell<Vec<ManifestProblem>>,
}

impl Report {
    pub(super) fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { line_starts: std::iter::once(0).chain(breaks).collect(), problems: RefCell::default() }
    }

    pub(super) fn add(
        &self,
        place: Range<usize>,
        key: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let line = self.line_starts.partition_point(|start| *start <= place.start);
        self.problems.borrow_mut().push(ManifestProblem {
            line: Some(line.max(1)),
            key: key.into(),
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// The problems in the order of their lines.
    pub(super) fn into_problems(self) -> Vec<ManifestProblem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

/// One table, the key it stands at, and where it stands.
pub(super) struct Section<'a> {
    pub(super) report: &'a Report,
    pub(super) key: String,
    pub(super) place: Range<usize>,
    table: &'a DeTable<'a>,
}

/// A value that was found, with its place.
pub(super) struct Found<'a, T> {
    pub(super) value: T,
    pub(super) key: String,
    pub(super) place: Range<usize>,
    report: &'a Report,
}

impl<T> Found<'_, T> {
    pub(super) fn refuse(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.report.add(self.place.clone(), self.key.clone(), message, remedy);
    }
}

impl<'a> Section<'a> {
    pub(super) fn root(report: &'a Report, table: &'a DeTable<'a>) -> Self {
        Self { report, key: String::new(), place: 0..0, table }
    }

    pub(super) fn key_of(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    /// Refuses every key that is not among `known`.
    pub(super) fn only(&self, known: &[&str]) {
        for name in self.table.keys() {
            if known.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let found = name.get_ref().escape_debug().to_string();
            let remedy = match nearest(&found, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys here are {}", listed(known.iter().copied())),
            };
            self.report.add(name.span(), self.key_of(&found), "unknown key", remedy);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(name)
    }

    /// The value of `name`, reported where it is missing.
    pub(super) fn required(&self, name: &str, example: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.get(name);
        if value.is_none() {
            self.report.add(self.place.clone(), self.key_of(name), "is missing", format!("add {example}"));
        }
        value
    }

    fn found<T>(&self, name: &str, value: T, place: Range<usize>) -> Found<'a, T> {
        Found { value, key: self.key_of(name), place, report: self.report }
    }

    fn mistyped(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str, example: &str) {
        let message = format!("is {}, and must be {wanted}", kind(value.get_ref()));
        self.report.add(value.span(), self.key_of(name), message, format!("write {example}"));
    }

    /// The text at `name`, where there is one.
    pub(super) fn text(&self, name: &str, example: &str) -> Option<Found<'a, &'a str>> {
        let value = self.get(name)?;
        match value.get_ref() {
            DeValue::String(text) => Some(self.found(name, text.as_ref(), value.span())),
            _ => {
                self.mistyped(name, value, "a text", example);
                None
            }
        }
    }

    /// The text at `name`, which must be there.
    pub(super) fn required_text(&self, name: &str, example: &str) -> Option<Found<'a, &'a str>> {
        self.required(name, example)?;
        self.text(name, example)
    }

    /// A required string that people and models read: not empty, and at most `max` characters.
    pub(super) fn description(&self, name: &str, max: usize) -> Option<Found<'a, &'a str>> {
        let text = self.required_text(name, &format!("`{name} = \"…\"`"))?;
        let length = text.value.chars().count();
        if text.value.trim().is_empty() {
            text.refuse("is empty", format!("say in up to {max} characters what it is"));
        } else if length > max {
            text.refuse(format!("has {length} characters"), format!("keep to {max}"));
        } else {
            return Some(text);
        }
        None
    }

    /// A [`Section::description`] on one line.
    pub(super) fn line(&self, name: &str, max: usize) -> Option<String> {
        let text = self.description(name, max)?;
        let one = !text.value.contains(char::is_control);
        if !one {
            text.refuse("has more than one line, or a control character", "keep to one line");
        }
        one.then(|| text.value.to_owned())
    }

    /// `true` or `false` at `name`, where there is one.
    pub(super) fn flag(&self, name: &str) -> Option<Found<'a, bool>> {
        let value = self.get(name)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(self.found(name, *flag, value.span())),
            _ => {
                self.mistyped(
                    name,
                    value,
                    "`true` or `false`",
                    &format!("`{name} = true` or `{name} = false`"),
                );
                None
            }
        }
    }

    /// The table at `name`, which must be there.
    pub(super) fn required_table(&self, name: &str, example: &str) -> Option<Section<'a>> {
        let value = self.required(name, example)?;
        self.as_table(name, value, example)
    }

    /// `value` as a table that stands at `name`.
    pub(super) fn as_table(
        &self,
        name: &str,
        value: &'a Spanned<DeValue<'a>>,
        example: &str,
    ) -> Option<Section<'a>> {
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Section { report: self.report, key: self.key_of(name), place: value.span(), table })
            }
            _ => {
                self.mistyped(name, value, "a table", example);
                None
            }
        }
    }

    /// The tables of the list at `name`, which must be there and hold at least one; each is keyed by its `name`.
    pub(super) fn tables(&self, name: &str, example: &str) -> Vec<Section<'a>> {
        let Some(value) = self.required(name, example) else { return Vec::new() };
        let DeValue::Array(list) = value.get_ref() else {
            self.mistyped(name, value, "a list of tables", example);
            return Vec::new();
        };
        if list.is_empty() {
            self.report.add(value.span(), self.key_of(name), "is empty", format!("add {example}"));
        }
        let mut tables = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            let own = match entry.get_ref() {
                DeValue::Table(table) => table.get("name").and_then(|name| name.get_ref().as_str()),
                _ => None,
            };
            let key = match own.filter(|own| own.len() <= SHOWN_BYTES) {
                Some(own) => format!("{name}.{}", own.escape_debug()),
                None => format!("{name}.{index}"),
            };
            tables.extend(self.as_table(&key, entry, example));
        }
        tables
    }

    /// This table as `T`, its unknown keys reported and passed over. `None` where it does not fit, and that is
    /// reported too.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let known = field_names::<T>();
        // An enum has no fields of its own, and refuses an unknown key by itself.
        let is_struct = !known.is_empty();
        if is_struct {
            self.only(known);
        }
        let mut table = DeTable::new();
        for (name, value) in self.table {
            if !is_struct || known.contains(&name.get_ref().as_ref()) {
                table.insert(name.clone(), value.clone());
            }
        }
        let value = Spanned::new(self.place.clone(), DeValue::Table(table));
        match read(&value) {
            Ok(read) => Some(read),
            Err(Misfit { place, message, remedy }) => {
                let place = place.unwrap_or_else(|| self.place.clone());
                self.report.add(place.clone(), self.key_at(&place), message, remedy);
                None
            }
        }
    }

    /// The place of `dotted` below this table; of the nearest table around it where it does not stand there.
    pub(super) fn place_of(&self, dotted: &str) -> Range<usize> {
        let mut place = self.place.clone();
        let mut table = Some(self.table);
        for name in dotted.split('.') {
            let Some(value) = table.and_then(|table| table.get(name)) else { break };
            place = value.span();
            table = value.get_ref().as_table();
        }
        place
    }

    /// The key directly below this table whose value holds `place`.
    fn key_at(&self, place: &Range<usize>) -> String {
        let holds = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
        self.table.iter().find(|(name, value)| holds(name.span()) || holds(value.span())).map_or_else(
            || self.key.clone(),
            |(name, _)| self.key_of(&name.get_ref().escape_debug().to_string()),
        )
    }

    /// The names in this table, with their places and values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().map(|(name, value)| (name.get_ref().as_ref(), value))
    }
}

/// What a value is, for a person who wrote it.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
