//! Which keys a table takes.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// The names of the fields that `T` is deserialised from; empty for anything but a struct.
///
/// Asking serde keeps this list from drifting away from the struct.
pub(super) fn field_names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It always ends in the error that stops it: only the names are wanted.
    let _ = T::deserialize(Ask { names: &mut names });
    names
}

/// A deserializer that holds nothing, and notes which fields it is asked for.
struct Ask<'a> {
    names: &'a mut &'static [&'static str],
}

#[derive(Debug)]
struct Asked;

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only the names of the fields were asked for")
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Ask<'_> {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        *self.names = fields;
        Err(Asked)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_struct_are_those_that_serde_reads() {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only its names are looked at")]
        struct Table {
            method: String,
            #[serde(rename = "type")]
            kind: Option<String>,
        }
        assert_eq!(field_names::<Table>(), ["method", "type"]);
        assert!(field_names::<String>().is_empty());
    }
}
