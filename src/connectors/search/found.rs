//! What a search has found: parts of the answer, and what an expression creates of them.

use std::rc::Rc;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::{ENTRY, ITEM, convert};

/// A value that a search has found. Clones are cheap.
#[derive(Debug, Clone)]
pub(crate) enum Found<'v> {
    /// A part of the answer.
    Borrowed(&'v Value),
    /// The result of a function, or a part of it.
    Owned(Rc<Value>),
    /// A list that the expression creates.
    List(Rc<Vec<Found<'v>>>),
    /// An object that the expression creates.
    Object(Rc<Vec<(&'v str, Found<'v>)>>),
}

impl<'v> Found<'v> {
    pub(super) const NULL: Self = Self::Borrowed(&Value::Null);

    pub(super) fn bool(value: bool) -> Self {
        Self::Borrowed(if value { &Value::Bool(true) } else { &Value::Bool(false) })
    }

    /// Returns the number of items, if this is a list.
    pub(crate) fn length(&self) -> Option<usize> {
        match self {
            Self::List(items) => Some(items.len()),
            Self::Object(_) => None,
            Self::Borrowed(value) => value.as_array().map(Vec::len),
            Self::Owned(value) => value.as_array().map(Vec::len),
        }
    }

    pub(super) fn item(&self, at: usize) -> Option<Self> {
        match self {
            Self::List(items) => items.get(at).cloned(),
            Self::Object(_) => None,
            Self::Borrowed(value) => value.get(at).map(Self::Borrowed),
            Self::Owned(value) => value.get(at).map(Self::copied),
        }
    }

    /// Returns the item at `at`, counted from the end if it is negative.
    pub(super) fn index(&self, at: i32) -> Option<Self> {
        let distance = usize::try_from(at.unsigned_abs()).ok()?;
        match at < 0 {
            true => self.item(self.length()?.checked_sub(distance)?),
            false => self.item(distance),
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<Self> {
        match self {
            Self::Object(entries) => {
                entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
            }
            Self::List(_) => None,
            Self::Borrowed(value) => value.get(name).map(Self::Borrowed),
            Self::Owned(value) => value.get(name).map(Self::copied),
        }
    }

    /// Returns the keys and values, if this is an object.
    pub(super) fn entries(&self) -> Option<Vec<(&str, Self)>> {
        match self {
            Self::Object(entries) => Some(entries.iter().map(|(key, value)| (*key, value.clone())).collect()),
            Self::List(_) => None,
            Self::Borrowed(value) => {
                let value: &'v Value = value;
                Some(
                    value
                        .as_object()?
                        .iter()
                        .map(|(key, value)| (key.as_str(), Self::Borrowed(value)))
                        .collect(),
                )
            }
            Self::Owned(value) => Some(
                value.as_object()?.iter().map(|(key, value)| (key.as_str(), Self::copied(value))).collect(),
            ),
        }
    }

    fn copied(value: &Value) -> Self {
        Self::Owned(Rc::new(value.clone()))
    }

    /// Whether this is neither a list nor an object.
    pub(crate) fn is_scalar(&self) -> bool {
        let value = match self {
            Self::List(_) | Self::Object(_) => return false,
            Self::Borrowed(value) => value,
            Self::Owned(value) => &**value,
        };
        !value.is_array() && !value.is_object()
    }

    /// Returns the value, unless the expression creates it.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Borrowed(value) => Some(value),
            Self::Owned(value) => Some(value),
            Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Returns the name that JMESPath has for its type.
    pub(super) fn kind(&self) -> &'static str {
        match (self, self.value()) {
            (Self::List(_), _) | (_, Some(Value::Array(_))) => "array",
            (_, Some(Value::Null)) => "null",
            (_, Some(Value::Bool(_))) => "boolean",
            (_, Some(Value::Number(_))) => "number",
            (_, Some(Value::String(_))) => "string",
            (_, Some(Value::Object(_)) | None) => "object",
        }
    }

    pub(super) fn is_null(&self) -> bool {
        match self {
            Self::Borrowed(value) => value.is_null(),
            Self::Owned(value) => value.is_null(),
            Self::List(_) | Self::Object(_) => false,
        }
    }

    pub(super) fn is_truthy(&self) -> bool {
        let value = match self {
            Self::List(items) => return !items.is_empty(),
            Self::Object(entries) => return !entries.is_empty(),
            Self::Borrowed(value) => value,
            Self::Owned(value) => &**value,
        };
        match value {
            Value::Null => false,
            Value::Bool(value) => *value,
            Value::Number(_) => true,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(entries) => !entries.is_empty(),
        }
    }

    /// Returns the keys and values, if this is an object whose keys outlive it.
    pub(super) fn borrowed_entries(&self) -> Option<Vec<(&'v str, Self)>> {
        match self {
            Self::Object(entries) => Some(entries.to_vec()),
            Self::Borrowed(value) => {
                let value: &'v Value = value;
                let entries = value.as_object()?.iter();
                Some(entries.map(|(key, value)| (key.as_str(), Self::Borrowed(value))).collect())
            }
            Self::List(_) | Self::Owned(_) => None,
        }
    }

    /// Returns the bytes of a part that was copied; zero for one that is borrowed or shared.
    pub(super) fn copied_bytes(&self) -> u64 {
        match self {
            Self::Owned(value) => convert::bytes(value),
            Self::Borrowed(_) | Self::List(_) | Self::Object(_) => 0,
        }
    }

    /// Returns the bytes of all that is not borrowed.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Borrowed(_) => 0,
            Self::Owned(value) => convert::bytes(value),
            Self::List(items) => items.iter().map(|item| ITEM + item.bytes()).sum(),
            Self::Object(entries) => entries.iter().map(|(_, value)| ENTRY + value.bytes()).sum(),
        }
    }

    /// Copies the value. The keys of its objects are sorted.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Borrowed(value) => sorted(value),
            Self::Owned(value) => sorted(value),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(entries) => {
                let entries = by_key(entries.iter().map(|(key, value)| (*key, value)));
                Value::Object(entries.map(|(key, value)| (key.to_owned(), value.to_value())).collect())
            }
        }
    }
}

/// Writes the same as that of [`Found::to_value`], without a copy.
impl Serialize for Found<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Borrowed(value) => Sorted(value).serialize(serializer),
            Self::Owned(value) => Sorted(value).serialize(serializer),
            Self::List(items) => serializer.collect_seq(items.iter()),
            Self::Object(entries) => {
                serializer.collect_map(by_key(entries.iter().map(|(key, value)| (*key, value))))
            }
        }
    }
}

/// A value whose objects are written with sorted keys.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            Value::Object(entries) => {
                let entries = by_key(entries.iter().map(|(key, value)| (key.as_str(), value)));
                serializer.collect_map(entries.map(|(key, value)| (key, Sorted(value))))
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(entries) => {
            let entries = by_key(entries.iter().map(|(key, value)| (key.as_str(), value)));
            Value::Object(entries.map(|(key, value)| (key.to_owned(), sorted(value))).collect())
        }
        scalar => scalar.clone(),
    }
}

/// The entries of an object in the order of their keys.
fn by_key<'a, T>(entries: impl Iterator<Item = (&'a str, T)>) -> impl Iterator<Item = (&'a str, T)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter()
}
