//! Parses and serializes the fields in the string of a secret.

use std::collections::BTreeMap;
use std::fmt;

use cofferdam_vault::{ErrorKind, ExposeSecret as _, FieldName, SecretFields, SecretString, VaultError};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// The member of a tombstone. No field can have this name.
const DELETED: &str = "cofferdam:deleted";
/// Replaces a deleted secret, so that a delete conflicts with concurrent writes.
pub(crate) const TOMBSTONE: &str = r#"{"cofferdam:deleted":true}"#;

/// The content of one version of a secret.
pub(crate) enum Content {
    /// The members of a JSON object.
    Fields(BTreeMap<String, Value>),
    /// A string that is not a JSON object.
    Text(Zeroizing<String>),
    /// A string that starts like a JSON object and is not one.
    InvalidJson,
    /// Binary, or empty.
    Binary,
    /// A tombstone.
    Deleted,
}

/// The value of a member.
pub(crate) enum Value {
    Text(Zeroizing<String>),
    /// A list, an object, `null`, or a number that does not survive parsing.
    Unsupported,
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
            Err(_) => Self::InvalidJson,
        }
    }

    /// The fields `names`, or all of them if `names` is empty; `secret` is the name of the secret, for messages.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret) for a missing field or a deleted secret, `Malformed` (secret) for invalid content.
    pub(crate) fn select(self, secret: &str, names: &[FieldName]) -> Result<SecretFields, VaultError> {
        match (self, names) {
            (Self::Fields(members), []) => members
                .into_iter()
                .map(|(name, value)| {
                    let field = name
                        .parse::<FieldName>()
                        .map_err(|error| malformed(format!("in {secret}, {error}; rename it")))?;
                    let text = value.into_string(secret, &field)?;
                    Ok((field, text))
                })
                .collect(),
            (Self::Fields(mut members), names) => {
                let mut found = SecretFields::new();
                for field in names {
                    if found.contains_key(field) {
                        continue;
                    }
                    let value = members.remove(field.as_str()).ok_or_else(|| {
                        not_found(format!(
                            "the secret {secret} has no field {field}; add it to the secret's JSON object"
                        ))
                    })?;
                    found.insert(field.clone(), value.into_string(secret, field)?);
                }
                Ok(found)
            }
            (Self::Text(text), [field]) => {
                Ok(SecretFields::from([(field.clone(), SecretString::from(text.as_str()))]))
            }
            (Self::Text(_), _) => Err(malformed(format!(
                "the secret {secret} is a plain string, which has a single field only; replace it with a JSON object of fields"
            ))),
            (Self::InvalidJson, _) => Err(malformed(format!(
                "the secret {secret} starts with a brace and is not valid JSON; fix the JSON"
            ))),
            (Self::Binary, _) => Err(malformed(format!(
                "the secret {secret} is binary; store a JSON object of fields as its string"
            ))),
            (Self::Deleted, _) => Err(not_found(format!("the secret {secret} is deleted; write it again"))),
        }
    }
}

/// Serializes `fields` as a JSON object.
pub(crate) fn serialize(fields: &SecretFields) -> Result<Zeroizing<String>, VaultError> {
    // The longest escape, `\u0000`, takes six bytes. A buffer that grows leaves a copy behind.
    let size: usize =
        fields.iter().map(|(name, value)| name.as_str().len() + value.expose_secret().len() * 6 + 8).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(size + 2));
    let members: BTreeMap<&str, &str> =
        fields.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    let failed = || malformed("the fields cannot be serialized as JSON; change their values".to_owned());
    serde_json::to_writer(&mut *text, &members).map_err(|_| failed())?;
    let text = String::from_utf8(std::mem::take(&mut *text)).map_err(|_| failed())?;
    Ok(Zeroizing::new(text))
}

impl Value {
    fn into_string(self, secret: &str, field: &FieldName) -> Result<SecretString, VaultError> {
        match self {
            Self::Text(text) => Ok(SecretString::from(text.as_str())),
            Self::Unsupported => Err(malformed(format!(
                "field {field} of the secret {secret} is not a string, an integer or a boolean; replace it with a string"
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
        Ok(Value::Unsupported)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Unsupported)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Unsupported)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>().map_err(A::Error::custom)?.is_some() {}
        Ok(Value::Unsupported)
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

    fn select(text: &str, names: &[&str]) -> Result<Vec<(String, String)>, ErrorKind> {
        let names: Vec<_> = names.iter().map(|name| field(name)).collect();
        let found = Content::parse(Some(text)).select("a/b", &names).map_err(|error| {
            assert!(!error.message().contains("canary"), "{error}");
            error.kind()
        })?;
        Ok(found.iter().map(|(name, value)| (name.to_string(), value.expose_secret().to_owned())).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, ErrorKind> {
        Ok(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn strings_integers_and_booleans_are_fields() {
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
    fn an_unsupported_value_fails_only_reads_of_its_field() {
        for value in ["1.5", "null", r#"["canary"]"#, r#"{"a": "canary"}"#, "18446744073709551616"] {
            let text = format!(r#"{{"token": "t", "other": {value}}}"#);
            assert_eq!(select(&text, &["token"]), pairs(&[("token", "t")]), "{value}");
            assert_eq!(select(&text, &["other"]), Err(ErrorKind::Malformed), "{value}");
            assert_eq!(
                select(&text, &[]),
                Err(ErrorKind::Malformed),
                "{value}: a secret without one of its fields is incomplete"
            );
        }
        assert_eq!(select(r#"{"token": "t", "not a name": "canary"}"#, &["token"]), pairs(&[("token", "t")]));
        assert_eq!(select(r#"{"token": "t", "not a name": "canary"}"#, &[]), Err(ErrorKind::Malformed));
    }

    #[test]
    fn a_plain_string_is_the_single_requested_field() {
        for text in ["canary", " canary\n", "12", "\"canary\"", "[\"canary\"]", ""] {
            assert_eq!(select(text, &["token"]), pairs(&[("token", text)]));
            assert_eq!(select(text, &["username", "password"]), Err(ErrorKind::Malformed));
            assert_eq!(select(text, &[]), Err(ErrorKind::Malformed));
        }
    }

    #[test]
    fn invalid_json_is_never_used_as_a_token() {
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
    fn serialized_fields_are_parsed_to_the_same() {
        let all = fields([("a", "\u{0}\u{1f}\"\\\n"), ("b", "Zoë 鍵 🔑"), ("c", "")]);
        let text = serialize(&all).unwrap();
        let back = Content::parse(Some(&text)).select("a/b", &[]).unwrap();
        assert_eq!(back.len(), 3);
        for (name, value) in &all {
            assert_eq!(back[name].expose_secret(), value.expose_secret());
        }
    }
}
