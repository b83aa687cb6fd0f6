//! Values: what kind they are, how a number is decoded, and how serde reads one without an error that quotes it.
//!
//! serde's own wording quotes what it found (`invalid type: string "Bearer …"`). A secret that was pasted where it does
//! not belong must not end up in a log, so an error here names the kind of the value, or quotes it by the rule of
//! [`quote`](crate::quote).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use cofferdam_config_macros::text;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeValue};

use crate::suggestions::{alternatives, list, suggestion};
use crate::{Text, quote};

/// What kind of value this is, for the person who wrote it: `a string`, `a table`.
pub fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The value of an integer; `None` if it does not fit 64 bits.
pub fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The value of a floating-point number; `None` if it is not finite.
pub fn float(number: &DeFloat<'_>) -> Option<f64> {
    number.as_str().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Deserializes `value` as `T`.
pub(super) fn deserialize<'a, T: Deserialize<'a>>(value: &'a Spanned<DeValue<'a>>) -> Result<T, Mismatch> {
    T::deserialize(Node(value))
}

/// Why a value does not fit a type.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// The keys from the value that was read to the one that does not fit, innermost first.
    keys: Vec<String>,
    /// Where the innermost value that is known to be wrong is written.
    span: Option<Range<usize>>,
    pub(super) message: Text,
    pub(super) help: Text,
}

impl Mismatch {
    fn new(message: impl Into<Text>, help: impl Into<Text>) -> Self {
        Self { keys: Vec::new(), span: None, message: message.into(), help: help.into() }
    }

    fn with_key(key: &str, message: &'static str, help: impl Into<Text>) -> Self {
        Self { keys: vec![key.escape_debug().to_string()], ..Self::new(message, help) }
    }

    fn at(mut self, span: Range<usize>) -> Self {
        self.span.get_or_insert(span);
        self
    }

    fn below(mut self, key: String) -> Self {
        self.keys.push(key);
        self
    }

    /// Where the value is written, if that is known.
    pub(super) fn span(&self) -> Option<&Range<usize>> {
        self.span.as_ref()
    }

    /// The keys from the value that was read to the one that does not fit, with dots between them.
    pub(super) fn key(&self) -> String {
        self.keys.iter().rev().map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key(), self.message, self.help)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<M: fmt::Display>(message: M) -> Self {
        let message = message.to_string();
        // serde names the Rust type here, which says nothing to the author of a file.
        if message.starts_with("data did not match any variant") {
            return Self::new(
                "has none of the forms that are allowed here",
                "see the documentation of this key",
            );
        }
        // A type that reads itself describes what is wrong, and does not quote what it read.
        Self::new(Text::unchecked(message), "correct the value")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let noun = noun(expected);
        Self::new(text!("must be {noun}, not {}", unexpected(found)), text!("write {noun}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let message = match found {
            Unexpected::Signed(number) => text!("{number} is out of range"),
            Unexpected::Unsigned(number) => text!("{number} is out of range"),
            _ => "this value is not allowed".into(),
        };
        Self::new(message, text!("write {}", noun(expected)))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::new(text!("has {length} entries"), text!("write {}", noun(expected)))
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let known = || expected.iter().copied();
        let message = quote::identifier(found)
            .map_or_else(|| "unknown value".into(), |quoted| text!("unknown value {quoted}"));
        let help = suggestion(found, known()).unwrap_or_else(|| text!("use {}", alternatives(known())));
        Self::new(message, help)
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        Self::with_key(found, "unknown key", help_for_key(found, expected))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::with_key(name, "is missing", text!("add `{name}`"))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::with_key(name, "is there twice", "keep one of the two")
    }
}

/// What to do about the unknown key `found` in a table that has the keys `known`.
pub(super) fn help_for_key(found: &str, known: &[&str]) -> Text {
    match suggestion(found, known.iter().copied()) {
        Some(suggestion) => suggestion,
        None if known.is_empty() => "remove it; no keys are allowed here".into(),
        None => text!("the keys here are {}", list(known.iter().copied())),
    }
}

fn unexpected(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        _ => "a value of another kind",
    }
}

/// What serde expects, in the words of TOML instead of Rust's.
fn noun(expected: &dyn de::Expected) -> Text {
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a table",
        "path string" | "a borrowed string" | "string or map" => "a string",
        other if other.starts_with("tuple ") || other.starts_with("an array ") => "a list",
        other if other.starts_with("struct ") || other.contains("tagged enum") => "a table",
        other if other.starts_with("enum ") => "one of the values that are allowed here",
        // A type of ours, or of a library: it says what it expects before it has read anything.
        other => return Text::unchecked(other),
    }
    .into()
}

/// A value with its location, as serde reads it.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Spanned<DeValue<'a>>);

impl<'a> IntoDeserializer<'a, Mismatch> for Node<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The entries of a table or a list; an error in one of them gets its key and its location.
struct Entries<'a, I> {
    rest: I,
    value: Option<(String, Node<'a>)>,
}

impl<'a, I: Iterator<Item = (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>)>> MapAccess<'a>
    for Entries<'a, I>
{
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some((name.get_ref().escape_debug().to_string(), Node(value)));
        let key = seed.deserialize(name.get_ref().as_ref().into_deserializer());
        key.map(Some).map_err(|mismatch: Mismatch| mismatch.at(name.span()))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let Some((key, value)) = self.value.take() else {
            return Err(de::Error::custom("a value was read before its key"));
        };
        seed.deserialize(value).map_err(|mismatch| mismatch.at(value.0.span()).below(key))
    }
}

impl<'a, I: Iterator<Item = (usize, &'a Spanned<DeValue<'a>>)>> SeqAccess<'a> for Entries<'a, I> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        let Some((index, value)) = self.rest.next() else { return Ok(None) };
        let entry = seed.deserialize(Node(value));
        entry.map(Some).map_err(|mismatch| mismatch.at(value.span()).below(index.to_string()))
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let read = match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => visitor.visit_i64(number),
                None => Err(Mismatch::new("this number does not fit 64 bits", "write a smaller number")),
            },
            DeValue::Float(number) => match float(number) {
                Some(number) => visitor.visit_f64(number),
                None => Err(Mismatch::new("this number is not finite", "write a finite number")),
            },
            DeValue::Boolean(flag) => visitor.visit_bool(*flag),
            DeValue::Datetime(_) => {
                Err(Mismatch::new("must not be a date", "write it in double quotes if it is a string"))
            }
            DeValue::Array(list) => visitor.visit_seq(Entries { rest: list.iter().enumerate(), value: None }),
            DeValue::Table(table) => visitor.visit_map(Entries { rest: table.iter(), value: None }),
        };
        read.map_err(|mismatch| mismatch.at(self.0.span()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.0.get_ref() {
            DeValue::Table(_) => self.deserialize_any(visitor),
            other => {
                let keys = list(fields.iter().copied());
                let message = text!("must be a table, not {}", kind(other));
                Err(Mismatch::new(message, text!("write a table with the keys {keys}")).at(self.0.span()))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let read = match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_enum(text.as_ref().into_deserializer()),
            other => {
                let variants = alternatives(variants.iter().copied());
                let message = text!("must be a string, not {}", kind(other));
                Err(Mismatch::new(message, text!("write one of {variants}, in double quotes")))
            }
        };
        read.map_err(|mismatch| mismatch.at(self.0.span()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is tested")]
    struct Table {
        word: Option<String>,
        count: Option<u16>,
        style: Option<Style>,
        page: Option<Page>,
        words: Option<Vec<String>>,
        inner: Option<Box<Self>>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Style {
        Short,
        VeryLong,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(tag = "style")]
    #[expect(dead_code, reason = "only whether it can be read is tested")]
    enum Page {
        #[serde(rename = "offset")]
        Offset { items: String },
    }

    fn mismatch(text: &str) -> (String, Range<usize>) {
        let table = DeTable::parse(text).unwrap();
        let value = Spanned::new(0..text.len(), DeValue::Table(table.into_inner()));
        let mismatch = deserialize::<Table>(&value).unwrap_err();
        (mismatch.to_string(), mismatch.span().unwrap().clone())
    }

    #[test]
    fn a_mismatch_names_key_kind_and_location_and_never_the_value() {
        let number = "write a whole number from 0 to 65535";
        assert_eq!(
            mismatch("count = 'hunter2'"),
            (format!("count: must be a whole number from 0 to 65535, not a string; {number}"), 8..17)
        );
        assert_eq!(mismatch("count = 70000"), (format!("count: 70000 is out of range; {number}"), 8..13));
        assert_eq!(mismatch("word = [1]").0, "word: must be a string, not a list; write a string");
        assert_eq!(
            mismatch("inner.word = 7"),
            ("inner.word: must be a string, not a number; write a string".into(), 13..14)
        );
        assert_eq!(
            mismatch("style = 'shrt'"),
            ("style: unknown value \"shrt\"; did you mean \"short\"?".into(), 8..14)
        );
        assert_eq!(mismatch("style = 'ghp_0123'").0, "style: unknown value; use short or very-long");
        assert_eq!(
            mismatch("style = 7").0,
            "style: must be a string, not a number; write one of short or very-long, in double quotes"
        );
        assert_eq!(
            mismatch("inner = { wrd = 1 }"),
            ("inner.wrd: unknown key; did you mean \"word\"?".into(), 10..13)
        );
        assert_eq!(
            mismatch("words = ['a', 7]"),
            ("words.1: must be a string, not a number; write a string".into(), 14..15)
        );
        assert_eq!(
            mismatch("word = 1979-05-27").0,
            "word: must not be a date; write it in double quotes if it is a string"
        );
    }

    #[test]
    fn a_table_and_a_list_are_called_so() {
        assert_eq!(
            mismatch("inner = 'x'").0,
            "inner: must be a table, not a string; write a table with the keys word, count, style, page, words, inner"
        );
        assert_eq!(mismatch("page = 'x'").0, "page: must be a table, not a string; write a table");
        assert_eq!(mismatch("words = 'x'").0, "words: must be a list, not a string; write a list");
        assert_eq!(mismatch("page = { style = 'offset' }").0, "page.items: is missing; add `items`");
    }
}
