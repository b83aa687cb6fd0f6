//! Reads the tables of a document, and reports everything that is wrong with them.

use std::ops::Range;

use cofferdam_config_macros::text;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::collector::Collector;
use super::field_names::field_names;
use super::value::{self, help_for_key, kind};
use crate::{Diagnostic, Text};

/// The longest `name` of a table that is used as a key, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Reads one table: its values by name, each checked for its type.
///
/// A value that is missing or of another type is reported, and the method returns `None`. `example` in these methods is
/// what to write instead, for the help: `name = "github"`.
pub struct TableReader<'a> {
    collector: &'a Collector<'a>,
    key: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
}

/// A value that was read, with its key and its location.
pub struct Field<'a, T> {
    /// The value.
    pub value: T,
    /// Its key, with dots between nested ones.
    pub key: String,
    /// Where the value is written, in bytes.
    pub span: Range<usize>,
    collector: &'a Collector<'a>,
}

impl<T> Field<'_, T> {
    /// Reports that the value is wrong.
    pub fn error(&self, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(Diagnostic::error("", message, help));
    }

    /// Reports `diagnostic`, whose key is below this value's.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.collector.push(&self.span, diagnostic.below(&self.key));
    }

    /// The value converted by `parse`. An error is reported at this value.
    pub fn parse<U>(self, parse: impl FnOnce(&T) -> Result<U, Diagnostic>) -> Option<U> {
        parse(&self.value).map_err(|diagnostic| self.push(diagnostic)).ok()
    }
}

impl<'a> TableReader<'a> {
    /// The table at the top of a document.
    pub fn root(collector: &'a Collector<'a>, table: &'a DeTable<'a>) -> Self {
        Self { collector, key: String::new(), span: 0..0, table }
    }

    /// The key of this table, with dots between nested ones; empty at the top.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key of `name` in this table.
    pub fn key_of(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    /// Where this table is written, in bytes.
    pub fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// Where the dotted key `dotted` below this table is written; if it is not there, where the nearest table around
    /// it is.
    pub fn span_of(&self, dotted: &str) -> Range<usize> {
        let mut span = self.span.clone();
        let mut table = Some(self.table);
        for name in dotted.split('.').filter(|name| !name.is_empty()) {
            let Some(value) = table.and_then(|table| table.get(name)) else { break };
            span = value.span();
            table = value.get_ref().as_table();
        }
        span
    }

    /// Reports `diagnostic`, whose key is below this table's.
    pub fn push(&self, diagnostic: Diagnostic) {
        let span = self.span_of(&diagnostic.key);
        self.collector.push(&span, diagnostic.below(&self.key));
    }

    /// Reports that `name` in this table is wrong; an empty name means the table itself.
    pub fn error(&self, name: &str, message: impl Into<Text>, help: impl Into<Text>) {
        self.push(Diagnostic::error(name, message, help));
    }

    /// Where this table's diagnostics are collected.
    pub fn collector(&self) -> &'a Collector<'a> {
        self.collector
    }

    /// Reports every key that is not in `known`.
    pub fn deny_unknown_keys(&self, known: &[&str]) {
        for name in self.table.keys() {
            if known.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let found = name.get_ref().escape_debug().to_string();
            let help = help_for_key(&found, known);
            self.collector.error(&name.span(), self.key_of(&found), "unknown key", help);
        }
    }

    /// The names in this table, with their values.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'a>>)> + use<'a> {
        self.table.iter().map(|(name, value)| (name.get_ref().as_ref(), value))
    }

    /// The value of `name`, of any type.
    pub fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(name)
    }

    /// The value of `name`, of any type, which must be there.
    pub fn required(&self, name: &str, example: impl Into<Text>) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.get(name);
        if value.is_none() {
            self.error(name, "is missing", text!("add {}", example.into()));
        }
        value
    }

    /// The string `name`.
    pub fn string(&self, name: &str, example: impl Into<Text>) -> Option<Field<'a, &'a str>> {
        let value = self.get(name)?;
        self.field(name, value, value.get_ref().as_str(), "a string", example)
    }

    /// The string `name`, which must be there.
    pub fn required_string(&self, name: &str, example: impl Into<Text>) -> Option<Field<'a, &'a str>> {
        let example = example.into();
        self.required(name, &example)?;
        self.string(name, example)
    }

    /// The boolean `name`.
    pub fn boolean(&self, name: &'static str) -> Option<Field<'a, bool>> {
        let value = self.get(name)?;
        let example = text!("{name} = true or {name} = false");
        self.field(name, value, value.get_ref().as_bool(), "`true` or `false`", example)
    }

    /// The table `name`, which must be there.
    pub fn required_table(&self, name: &str, example: impl Into<Text>) -> Option<TableReader<'a>> {
        let example = example.into();
        let value = self.required(name, &example)?;
        self.as_table(name, value, example)
    }

    /// `value` as a table with the key `name`.
    pub fn as_table(
        &self,
        name: &str,
        value: &'a Spanned<DeValue<'a>>,
        example: impl Into<Text>,
    ) -> Option<TableReader<'a>> {
        let table = match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        };
        let Field { value: table, key, span, collector } =
            self.field(name, value, table, "a table", example)?;
        Some(TableReader { collector, key, span, table })
    }

    /// The tables of the list `name`, which must be there and hold at least one. Each has its own `name` as its key, or its
    /// index if it has none.
    pub fn tables(&self, name: &str, example: impl Into<Text>) -> Vec<TableReader<'a>> {
        let example = example.into();
        let Some(value) = self.required(name, &example) else { return Vec::new() };
        let DeValue::Array(entries) = value.get_ref() else {
            self.wrong_type(name, value, "a list of tables", &example);
            return Vec::new();
        };
        if entries.is_empty() {
            self.error(name, "is empty", text!("add {example}"));
        }
        let mut tables = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let own = entry.get_ref().get("name").and_then(|name| name.get_ref().as_str());
            let key = match own.filter(|own| own.len() <= MAX_NAME_BYTES) {
                Some(own) => format!("{name}.{}", own.escape_debug()),
                None => format!("{name}.{index}"),
            };
            tables.extend(self.as_table(&key, entry, &example));
        }
        tables
    }

    /// This table as `T`. Unknown keys of a struct are reported and ignored.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Option<T> {
        let known = field_names::<T>();
        // An enum has no fields of its own, and refuses an unknown key by itself.
        let is_struct = !known.is_empty();
        if is_struct {
            self.deny_unknown_keys(known);
        }
        let mut table = DeTable::new();
        for (name, value) in self.table {
            if !is_struct || known.contains(&name.get_ref().as_ref()) {
                table.insert(name.clone(), value.clone());
            }
        }
        let table = Spanned::new(self.span.clone(), DeValue::Table(table));
        value::deserialize(&table)
            .map_err(|mismatch| {
                let span = mismatch.span().unwrap_or(&self.span);
                let found = Diagnostic::error(mismatch.key(), &mismatch.message, &mismatch.help);
                self.collector.push(span, found.below(&self.key));
            })
            .ok()
    }

    fn field<T>(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        typed: Option<T>,
        noun: &'static str,
        example: impl Into<Text>,
    ) -> Option<Field<'a, T>> {
        if typed.is_none() {
            self.wrong_type(name, value, noun, &example.into());
        }
        let (key, span, collector) = (self.key_of(name), value.span(), self.collector);
        typed.map(|value| Field { value, key, span, collector })
    }

    fn wrong_type(&self, name: &str, value: &Spanned<DeValue<'_>>, noun: &'static str, example: &Text) {
        let message = text!("must be {noun}, not {}", kind(value.get_ref()));
        self.collector.error(&value.span(), self.key_of(name), message, text!("write {example}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;
    use crate::document::{SourceText, parse};

    fn found(text: &str, read: impl FnOnce(&TableReader<'_>)) -> Vec<String> {
        let source = SourceText::new(Origin::File("a.toml".into()), text);
        let document = parse(&source);
        let collector = document.collector();
        read(&TableReader::root(&collector, document.root()));
        collector.into_diagnostics().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_right_is_read() {
        let text = "name = 'acme'\nfull = false\n[http]\ntimeout = '30s'\n[[tools]]\nname = 'add'\n";
        let problems = found(text, |root| {
            assert_eq!(root.required_string("name", "").unwrap().value, "acme");
            assert!(!root.boolean("full").unwrap().value);
            assert!(root.string("absent", "").is_none() && root.boolean("absent").is_none());
            let http = root.required_table("http", "").unwrap();
            let timeout = http.string("timeout", "").unwrap();
            assert_eq!(timeout.key, "http.timeout");
            assert_eq!(timeout.parse(|text| crate::duration::parse(text)).unwrap().as_secs(), 30);
            let tools = root.tables("tools", "");
            assert_eq!(tools.iter().map(TableReader::key).collect::<Vec<_>>(), ["tools.add"]);
        });
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn everything_that_is_wrong_is_reported_where_it_is() {
        let text = "nmae = 'acme'\nfull = 1\nhttp = 'x'\ntools = [{ nam = 1 }]\ntimeout = 'soon'\n";
        let problems = found(text, |root| {
            root.deny_unknown_keys(&["name", "full", "http", "tools", "timeout"]);
            assert!(root.required_string("name", "name = \"acme\"").is_none());
            assert!(root.boolean("full").is_none());
            assert!(root.required_table("http", "[http]").is_none());
            let tools = root.tables("tools", "a `[[tools]]` table");
            tools[0].error("nam", "is wrong", "correct it");
            let timeout = root.string("timeout", "").unwrap();
            assert!(timeout.parse(|text| crate::duration::parse(text)).is_none());
        });
        assert_eq!(
            problems,
            [
                "a.toml:1:1  name: is missing; add name = \"acme\"",
                "a.toml:1:1  nmae: unknown key; did you mean \"name\"?",
                "a.toml:2:8  full: must be `true` or `false`, not a number; write full = true or full = false",
                "a.toml:3:8  http: must be a table, not a string; write [http]",
                "a.toml:4:18  tools.0.nam: is wrong; correct it",
                "a.toml:5:11  timeout: this is not a duration; write a duration with its unit in double quotes, \
                 such as \"30s\" or \"5m\"",
            ]
        );
    }

    #[test]
    fn a_table_is_read_with_serde() {
        #[derive(Debug, serde::Deserialize)]
        struct Limits {
            calls: u8,
        }
        let text = "[limits]\ncalls = 300\nclls = 1\n";
        let problems = found(text, |root| {
            assert!(root.required_table("limits", "").unwrap().deserialize::<Limits>().is_none());
        });
        assert_eq!(
            problems,
            [
                "a.toml:2:9  limits.calls: 300 is out of range; write a whole number from 0 to 255",
                "a.toml:3:1  limits.clls: unknown key; did you mean \"calls\"?",
            ]
        );
        found("[limits]\ncalls = 3\n", |root| {
            let limits: Limits = root.required_table("limits", "").unwrap().deserialize().unwrap();
            assert_eq!(limits.calls, 3);
        });
    }
}
