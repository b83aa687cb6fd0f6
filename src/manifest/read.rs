//! Reads a connector's table out of a manifest with serde, with errors that name the place and hide the value.
//!
//! serde's own wording quotes what it found (`invalid type: string "Bearer …"`). Someone who pastes a secret where it
//! does not belong must not find it in a log, so here an error says what kind of value was found, and no more.

use std::fmt;
use std::ops::Range;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, Unexpected, Visitor};
use toml::Spanned;
use toml::de::DeValue;

use crate::names::{listed, nearest};

/// Reads `value` as `T`.
pub(super) fn read<'a, T: Deserialize<'a>>(value: &'a Spanned<DeValue<'a>>) -> Result<T, Misfit> {
    T::deserialize(Node(value))
}

/// Why a value does not fit.
#[derive(Debug)]
pub(super) struct Misfit {
    /// The innermost value that could be told.
    pub(super) place: Option<Range<usize>>,
    pub(super) message: String,
    pub(super) remedy: String,
}

impl Misfit {
    fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), remedy: remedy.into() }
    }

    fn at(mut self, place: Range<usize>) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new(message.to_string(), "mend the value")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("is {}", kind(found)), format!("write {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new("has a value that cannot be", format!("write {expected}"))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::new(format!("has {length} entries"), format!("write {expected}"))
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let remedy = match nearest(found, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(expected.iter().copied())),
        };
        Self::new("is none of the values that there are", remedy)
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        let remedy = match nearest(found, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if expected.is_empty() => "there are no keys here".to_owned(),
            None => format!("the keys here are {}", listed(expected.iter().copied())),
        };
        Self::new(format!("has an unknown key `{}`", found.escape_debug()), remedy)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(format!("lacks the key `{name}`"), format!("add `{name}`"))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(format!("has the key `{name}` twice"), "keep one of the two")
    }
}

fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "`true` or `false`",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        _ => "a value of another kind",
    }
}

/// A value with its place, as serde wants it.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Spanned<DeValue<'a>>);

impl<'a> IntoDeserializer<'a, Misfit> for Node<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let read = match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(Misfit::new("is a number that does not fit 64 bits", "write a smaller number")),
            },
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => visitor.visit_f64(number),
                _ => Err(Misfit::new("is not a finite number", "write a finite number")),
            },
            DeValue::Boolean(flag) => visitor.visit_bool(*flag),
            DeValue::Datetime(_) => Err(Misfit::new("is a date", "put it in quotes to mean a text")),
            DeValue::Array(list) => visitor.visit_seq(SeqDeserializer::new(list.iter().map(Node))),
            DeValue::Table(table) => visitor.visit_map(MapDeserializer::new(
                table.iter().map(|(name, value)| (name.get_ref().as_ref(), Node(value))),
            )),
        };
        read.map_err(|misfit| misfit.at(self.0.span()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let read = match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_enum(text.as_ref().into_deserializer()),
            _ => Err(Misfit::new("is not a text", "write one of the names that there are, in quotes")),
        };
        read.map_err(|misfit| misfit.at(self.0.span()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is looked at")]
    struct Table {
        word: Option<String>,
        count: Option<u16>,
        style: Option<Style>,
        inner: Option<Box<Self>>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Style {
        Short,
    }

    fn misfit(text: &str) -> (String, Range<usize>) {
        let table = DeTable::parse(text).unwrap();
        let value = Spanned::new(0..text.len(), DeValue::Table(table.into_inner()));
        let misfit = read::<Table>(&value).unwrap_err();
        (misfit.to_string(), misfit.place.unwrap())
    }

    #[test]
    fn a_misfit_says_what_was_found_where_and_never_the_value() {
        assert_eq!(misfit("count = 'hunter2'"), ("is a text; write u16".into(), 8..17));
        assert_eq!(misfit("count = 70000"), ("has a value that cannot be; write u16".into(), 8..13));
        assert_eq!(misfit("word = [1]").0, "is a list; write a string");
        assert_eq!(misfit("inner.word = 7"), ("is a number; write a string".into(), 13..14));
        assert_eq!(
            misfit("style = 'shrt'"),
            ("is none of the values that there are; did you mean `short`?".into(), 8..14)
        );
        assert_eq!(misfit("inner = { wrd = 1 }").0, "has an unknown key `wrd`; did you mean `word`?");
        assert_eq!(misfit("word = 1979-05-27").0, "is a date; put it in quotes to mean a text");
    }
}
