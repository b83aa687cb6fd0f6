//! From a secret's text to fields and back.

use std::collections::BTreeMap;
use std::fmt;

use cofferdam_vault::{ErrorKind, ExposeSecret as _, FieldName, SecretFields, SecretString, VaultError};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// The member that makes a text a tombstone: no field can have its name.
const DELETED: &str = "cofferdam:deleted";
/// What is written in place of a deleted secret, so that deleting competes with writing.
pub(crate) const TOMBSTONE: &str = r#"{"cofferdam:deleted":true}"#;

/// What one version of a secret holds.
pub(crate) enum Content {
    /// The members of a JSON object.
    Fields(BTreeMap<String, Value>),
    /// Text that is no JSON object.
    Text(Zeroizing<String>),
    /// Text that begins as a JSON object and is none.
    Broken,
    /// Bytes, or nothing.
    Binary,
    /// The secret was deleted through this program.
    Deleted,
}

/// What a member holds.
pub(crate) enum Value {
    Text(Zeroizing<String>),
    /// A list, an object, `null`, or a number that its digits would not bring back.
    Unusable,
}

impl Content {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Binary };
        if !text.trim_start().starts_with('{') {
            return Self::Text(Zeroizing::new(text.to_owned()));
        }
        match serde_json::from_str::<BTreeMap<String, Value>>(text) {
            Ok(members) if members.contains_key(DELETED) => Self::Deleted,
            Ok(members) => Self::Fields(members),
            Err(_) => Self::Broken,
        }
    }

    /// The fields that were asked for, all where none was; `secret` is its name, for messages.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret) for a missing field or a deleted secret, `Malformed` (secret) for what cannot be understood.
    pub(crate) fn select(self, secret: &str, wanted: &[FieldName]) -> Result<SecretFields, VaultError> {
        match (self, wanted) {
            (Self::Fields(members), []) => members
                .into_iter()
                .map(|(name, value)| {
                    let field = name
                        .parse::<FieldName>()
                        .map_err(|error| malformed(format!("in {secret}, {error}; rename it")))?;
                    let text = value.text(secret, &field)?;
                    Ok((field, text))
                })
                .collect(),
            (Self::Fields(mut members), wanted) => {
                let mut found = SecretFields::new();
                for field in wanted {
                    if found.contains_key(field) {
                        continue;
                    }
                    let value = members.remove(field.as_str()).ok_or_else(|| {
                        not_found(format!(
                            "the secret {secret} has no field {field}; add it to its JSON object"
                        ))
                    })?;
                    found.insert(field.clone(), value.text(secret, field)?);
                }
                Ok(found)
            }
            (Self::Text(text), [field]) => {
                Ok(SecretFields::from([(field.clone(), SecretString::from(text.as_str()))]))
            }
            (Self::Text(_), _) => Err(malformed(format!(
                "the secret {secret} is plain text, which serves a single field only; make it a JSON object of fields"
            ))),
            (Self::Broken, _) => Err(malformed(format!(
                "the secret {secret} begins with a brace and is no JSON object; mend its JSON"
            ))),
            (Self::Binary, _) => Err(malformed(format!(
                "the secret {secret} is binary; store a JSON object of fields as its text"
            ))),
            (Self::Deleted, _) => Err(not_found(format!("the secret {secret} is deleted; write it anew"))),
        }
    }
}

/// The text that holds `fields`.
pub(crate) fn render(fields: &SecretFields) -> Result<Zeroizing<String>, VaultError> {
    // The longest escape, `\u0000`, takes six bytes; sized beforehand, nothing grows and leaves a copy behind.
    let size: usize =
        fields.iter().map(|(name, value)| name.as_str().len() + value.expose_secret().len() * 6 + 8).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(size + 2));
    let members: BTreeMap<&str, &str> =
        fields.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    let unwritable = || malformed("the fields cannot be written as JSON".to_owned());
    serde_json::to_writer(&mut *text, &members).map_err(|_| unwritable())?;
    let text = String::from_utf8(std::mem::take(&mut *text)).map_err(|_| unwritable())?;
    Ok(Zeroizing::new(text))
}

impl Value {
    fn text(self, secret: &str, field: &FieldName) -> Result<SecretString, VaultError> {
        match self {
            Self::Text(text) => Ok(SecretString::from(text.as_str())),
            Self::Unusable => Err(malformed(format!(
                "field {field} of the secret {secret} is neither text, a whole number nor a boolean; make it text"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(value.to_string())))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Unusable)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Unusable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Unusable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>().map_err(A::Error::custom)?.is_some() {}
        Ok(Value::Unusable)
    }
}

fn not_found(message: String) -> VaultError {
    VaultError::secret(ErrorKind::NotFound, message)
}

fn malformed(message: String) -> VaultError {
    VaultError::secret(ErrorKind::Malformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::{field, fields};

    fn select(text: &str, wanted: &[&str]) -> Result<Vec<(String, String)>, ErrorKind> {
        let wanted: Vec<_> = wanted.iter().map(|name| field(name)).collect();
        let found = Content::parse(Some(text)).select("a/b", &wanted).map_err(|error| {
            assert!(!error.message().contains("canary"), "{error}");
            error.kind()
        })?;
        Ok(found.iter().map(|(name, value)| (name.to_string(), value.expose_secret().to_owned())).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, ErrorKind> {
        Ok(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn text_whole_numbers_and_booleans_are_fields() {
        let text =
            r#"{"password": "canary", "port": 5432, "low": -1, "big": 18446744073709551615, "tls": true}"#;
        assert_eq!(select(text, &["port", "password"]), pairs(&[("password", "canary"), ("port", "5432")]));
        assert_eq!(
            select(text, &["low", "big", "tls"]),
            pairs(&[("big", "18446744073709551615"), ("low", "-1"), ("tls", "true")])
        );
        assert_eq!(select(text, &[]).unwrap().len(), 5);
        assert_eq!(select(text, &["token"]), Err(ErrorKind::NotFound));
    }

    #[test]
    fn a_value_that_is_no_text_harms_only_who_asks_for_it() {
        for value in ["1.5", "null", r#"["canary"]"#, r#"{"a": "canary"}"#, "18446744073709551616"] {
            let text = format!(r#"{{"token": "t", "odd": {value}}}"#);
            assert_eq!(select(&text, &["token"]), pairs(&[("token", "t")]), "{value}");
            assert_eq!(select(&text, &["odd"]), Err(ErrorKind::Malformed), "{value}");
            assert_eq!(
                select(&text, &[]),
                Err(ErrorKind::Malformed),
                "{value}: a whole that lacks a part is none"
            );
        }
        assert_eq!(select(r#"{"token": "t", "not a name": "canary"}"#, &["token"]), pairs(&[("token", "t")]));
        assert_eq!(select(r#"{"token": "t", "not a name": "canary"}"#, &[]), Err(ErrorKind::Malformed));
    }

    #[test]
    fn plain_text_is_the_one_field_that_is_asked_for() {
        for text in ["canary", " canary\n", "12", "\"canary\"", "[\"canary\"]", ""] {
            assert_eq!(select(text, &["token"]), pairs(&[("token", text)]));
            assert_eq!(select(text, &["username", "password"]), Err(ErrorKind::Malformed));
            assert_eq!(select(text, &[]), Err(ErrorKind::Malformed));
        }
    }

    #[test]
    fn broken_json_is_never_taken_for_a_token() {
        for text in [r#"{"token": "canary""#, "{canary}", r#"{"a": "canary"} x"#] {
            assert_eq!(select(text, &["token"]), Err(ErrorKind::Malformed), "{text}");
        }
        assert!(matches!(Content::parse(None), Content::Binary));
    }

    #[test]
    fn a_tombstone_is_absent() {
        assert_eq!(select(TOMBSTONE, &["token"]), Err(ErrorKind::NotFound));
        assert_eq!(select(TOMBSTONE, &[]), Err(ErrorKind::NotFound));
    }

    #[test]
    fn what_is_rendered_is_read_back_and_fits_its_buffer() {
        let all = fields([("a", "\u{0}\u{1f}\"\\\n"), ("b", "Zoë 鍵 🔑"), ("c", "")]);
        let text = render(&all).unwrap();
        let back = Content::parse(Some(&text)).select("a/b", &[]).unwrap();
        assert_eq!(back.len(), 3);
        for (name, value) in &all {
            assert_eq!(back[name].expose_secret(), value.expose_secret());
        }
    }
}
