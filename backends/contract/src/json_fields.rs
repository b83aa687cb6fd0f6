//! The fields of a secret that a store keeps as a JSON object, read by one rule for every store.

use std::collections::BTreeMap;
use std::fmt;

use cofferdam_config::json::escape_control_characters;
use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{ErrorKind, FieldName, InvalidName, SecretFields, VaultError};

/// Maximum number of fields of a secret. As a map they take many times as much memory as in the text.
const MAX_FIELDS: usize = 10_000;

/// The members of a JSON object. Each is read by itself, so that one that cannot be read leaves the others usable.
///
/// A string is its content, `null` counts as absent, and any other value is its JSON text, with the digits of a number as
/// they are written. Of two members with one name, the last wins.
///
/// ```
/// use cofferdam_vault::{FieldName, JsonFields};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fields = JsonFields::parse(r#"{"token": "t", "port": 5432, "note": "half a pair: \ud83d"}"#)?;
/// let names: Vec<FieldName> = vec!["token".parse()?, "port".parse()?];
/// assert_eq!(fields.select(&names)?.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct JsonFields {
    members: BTreeMap<String, Member>,
    /// Whether the name of a member cannot be read.
    unreadable_name: bool,
}

#[derive(Debug)]
enum Member {
    Text(SecretString),
    Null,
    /// A string that is not Unicode text.
    Unreadable,
}

/// A text that is not a JSON object, or one with more than 10,000 members. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object of fields")]
pub struct NotAnObject;

/// Why requested fields cannot be returned. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnusableFields {
    /// These are absent or `null`.
    Missing(Vec<FieldName>),
    /// This one holds half of a surrogate pair.
    Unreadable(FieldName),
    /// All fields were requested, and one of them has this name.
    Name(InvalidName),
    /// All fields were requested, and the name of one cannot be read.
    UnreadableName,
}

impl fmt::Display for UnusableFields {
    /// What the secret has, and what to do: `has no field token; add it`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(fields) => {
                let names: Vec<&str> = fields.iter().map(FieldName::as_str).collect();
                write!(f, "has no field {}; add it", names.join(", "))
            }
            Self::Unreadable(field) => {
                write!(f, "has a field {field} with half of a surrogate pair; write its value again")
            }
            Self::Name(invalid) => write!(f, "has a field that cannot be used: {invalid}; rename it"),
            Self::UnreadableName => {
                f.write_str("has a field whose name holds half of a surrogate pair; rename it")
            }
        }
    }
}

impl std::error::Error for UnusableFields {}

impl UnusableFields {
    /// The error of a read of `secret`, the beginning of its message: `NotFound` (secret) for missing fields, `Malformed`
    /// (secret) for others.
    pub fn into_error(self, secret: impl fmt::Display) -> VaultError {
        let kind = match self {
            Self::Missing(_) => ErrorKind::NotFound,
            _ => ErrorKind::Malformed,
        };
        VaultError::secret(kind, format!("{secret} {self}"))
    }
}

impl JsonFields {
    /// Parses a JSON object.
    ///
    /// Line breaks and other raw control characters in a string, which JSON does not allow, are part of its value.
    ///
    /// # Errors
    ///
    /// If `text` is not an object.
    pub fn parse(text: &str) -> Result<Self, NotAnObject> {
        serde_json::from_str(text).or_else(|_| {
            let escaped =
                escape_control_characters(text.as_bytes()).map(Zeroizing::new).ok_or(NotAnObject)?;
            serde_json::from_slice(&escaped).map_err(|_| NotAnObject)
        })
    }

    /// Whether there is a member `name`, of any value.
    pub fn has_member(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Removes the member `name`, and returns its value if it has one. For members that a store adds for itself.
    pub fn remove_member(&mut self, name: &str) -> Option<SecretString> {
        match self.members.remove(name)? {
            Member::Text(text) => Some(text),
            Member::Null | Member::Unreadable => None,
        }
    }

    /// The name and the value of each field that has one.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.members.iter().filter_map(|(name, member)| match member {
            Member::Text(text) => Some((name.as_str(), text)),
            Member::Null | Member::Unreadable => None,
        })
    }

    /// The fields `names`, or all of them if `names` is empty. Members that were not requested do not matter.
    ///
    /// # Errors
    ///
    /// See [`UnusableFields`].
    pub fn select(mut self, names: &[FieldName]) -> Result<SecretFields, UnusableFields> {
        if names.is_empty() {
            return self.all();
        }
        let (mut found, mut missing) = (SecretFields::new(), Vec::new());
        for name in names {
            if found.contains_key(name) {
                continue;
            }
            match self.members.remove(name.as_str()) {
                Some(Member::Text(text)) => drop(found.insert(name.clone(), text)),
                Some(Member::Unreadable) => return Err(UnusableFields::Unreadable(name.clone())),
                Some(Member::Null) | None => missing.push(name.clone()),
            }
        }
        if missing.is_empty() { Ok(found) } else { Err(UnusableFields::Missing(missing)) }
    }

    /// All fields. A secret that lacks one of its fields would lose it when it is written again.
    fn all(self) -> Result<SecretFields, UnusableFields> {
        if self.unreadable_name {
            return Err(UnusableFields::UnreadableName);
        }
        let mut found = SecretFields::new();
        for (name, member) in self.members {
            let name: FieldName = match (name.parse(), &member) {
                (_, Member::Null) => continue,
                (parsed, _) => parsed.map_err(UnusableFields::Name)?,
            };
            match member {
                Member::Text(text) => drop(found.insert(name, text)),
                Member::Unreadable => return Err(UnusableFields::Unreadable(name)),
                Member::Null => {}
            }
        }
        Ok(found)
    }
}

impl<'a> FromIterator<(String, &'a RawValue)> for JsonFields {
    /// The fields with these names and JSON values, for a store that keeps them in another shape. Of two with one name, the
    /// last wins. The number of fields is for the caller to bound.
    fn from_iter<I: IntoIterator<Item = (String, &'a RawValue)>>(members: I) -> Self {
        let member = |(name, value): (String, &RawValue)| (name, Member::from_json(value.get()));
        Self { members: members.into_iter().map(member).collect(), unreadable_name: false }
    }
}

impl<'de> Deserialize<'de> for JsonFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = JsonFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<JsonFields, A::Error> {
                let (mut fields, mut count) = (JsonFields::default(), 0);
                while let Some(Name(name)) = members.next_key()? {
                    let value: &RawValue = members.next_value()?;
                    count += 1;
                    if count > MAX_FIELDS {
                        return Err(A::Error::custom("too many fields"));
                    }
                    match name {
                        Some(name) => drop(fields.members.insert(name, Member::from_json(value.get()))),
                        None => fields.unreadable_name = true,
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Member {
    fn from_json(value: &str) -> Self {
        match value.as_bytes().first() {
            Some(b'"') => {
                serde_json::from_str(value).map_or(Self::Unreadable, |JsonSecret(text)| Self::Text(text))
            }
            Some(b'n') => Self::Null,
            _ => Self::Text(value.into()),
        }
    }
}

/// The name of a member; `None` if it is not Unicode text, which a parser of strings would refuse with the whole object.
struct Name(Option<String>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_bytes<E>(self, name: &[u8]) -> Result<Name, E> {
                Ok(Name(std::str::from_utf8(name).ok().map(str::to_owned)))
            }
        }
        deserializer.deserialize_bytes(NameVisitor)
    }
}

/// A JSON string that is deserialized straight into a [`SecretString`].
#[derive(Debug)]
pub struct JsonSecret(pub SecretString);

impl<'de> Deserialize<'de> for JsonSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = JsonSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<JsonSecret, E> {
                Ok(JsonSecret(text.into()))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn select(text: &str, names: &[&str]) -> Result<Vec<(String, String)>, UnusableFields> {
        let names: Vec<FieldName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let found = JsonFields::parse(text).unwrap().select(&names)?;
        Ok(found.iter().map(|(name, value)| (name.to_string(), value.expose_secret().to_owned())).collect())
    }

    fn one(text: &str) -> Result<String, UnusableFields> {
        Ok(select(text, &["a"])?.remove(0).1)
    }

    #[test]
    fn a_value_that_is_not_a_string_is_its_json_as_it_is_written() {
        for (value, expected) in [
            (r#""te\"xt""#, "te\"xt"),
            (r#""""#, ""),
            ("5432", "5432"),
            ("-1", "-1"),
            ("1.50", "1.50"),
            ("1e400", "1e400"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("true", "true"),
            (r#"{"x": [1, null]}"#, r#"{"x": [1, null]}"#),
            (r#"["\ud83d"]"#, r#"["\ud83d"]"#),
            (r#""\"quoted\"""#, "\"quoted\""),
        ] {
            assert_eq!(one(&format!("{{\"b\": 0, \"a\": {value} }}")).unwrap(), expected);
        }
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(one(&format!("{{\"a\":{deep}}}")).unwrap(), deep);
        assert_eq!(one(r#"{"a": "first", "a": "last"}"#).unwrap(), "last");
    }

    #[test]
    fn null_is_absent() {
        let missing =
            |names: &[&str]| UnusableFields::Missing(names.iter().map(|n| n.parse().unwrap()).collect());
        assert_eq!(one(r#"{"a": null}"#), Err(missing(&["a"])));
        assert_eq!(select(r#"{"b": 1, "a": null}"#, &["a", "b", "c"]), Err(missing(&["a", "c"])));
        assert_eq!(select(r#"{"b": 1, "a": null, "no name": null}"#, &[]).unwrap().len(), 1);
    }

    #[test]
    fn an_unreadable_member_leaves_the_others_usable() {
        for other in [r#""note": "\ud83d""#, r#""\ud83d": "x""#, r#""no name": "x""#, "\"key\": \"a\nb\""] {
            assert_eq!(one(&format!("{{{other}, \"a\": \"canary\"}}")).unwrap(), "canary", "{other}");
        }
        assert_eq!(select("{\"key\": \"-----BEGIN\nx\t\0\"}", &["key"]).unwrap()[0].1, "-----BEGIN\nx\t\0");
        let unreadable = select(r#"{"a": "canary\ud83d"}"#, &["a"]).unwrap_err();
        assert_eq!(unreadable, UnusableFields::Unreadable("a".parse().unwrap()));
        assert!(!unreadable.to_string().contains("canary"));
        for text in [r#"{"a": "\ud83d"}"#, r#"{"\ud83d": "x"}"#, r#"{"no name": "x"}"#] {
            assert!(select(text, &[]).is_err(), "{text}: a secret without one of its fields is incomplete");
        }
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["", "[]", "\"a\"", "{", "{\"a\": tru}", "{\"a\": \"canary\"} x", "{canary}", "null"] {
            assert_eq!(JsonFields::parse(text).unwrap_err(), NotAnObject, "{text}");
        }
        let of = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"f{n}\":\"\"")).collect();
            JsonFields::parse(&format!("{{{}}}", members.join(","))).is_ok()
        };
        assert!(of(MAX_FIELDS) && !of(MAX_FIELDS + 1));
    }
}
