//! The string in which a store keeps all fields of a secret: what people write there, read by one rule for every store.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::files::without_byte_order_mark;
use crate::{ErrorKind, FieldName, JsonFields, SecretFields, VaultError};

/// The string of a secret: a JSON object of fields, or a plain string, which is the value of any single field.
///
/// ```
/// use cofferdam_vault::{FieldName, SecretText};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token: FieldName = "token".parse()?;
/// for text in [r#"{"token": "t0ken"}"#, "t0ken"] {
///     let fields = SecretText::parse(text).select("the secret a", &[token.clone()])?;
///     assert_eq!(fields.len(), 1);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum SecretText {
    /// The members of a JSON object.
    Fields(JsonFields),
    /// A string that is not a JSON object.
    Plain(SecretString),
    /// A string that starts like a JSON object and is not one.
    InvalidJson,
    /// Not a string.
    Binary,
}

impl SecretText {
    /// Parses `text`. A byte-order mark at its start is ignored.
    pub fn parse(text: &str) -> Self {
        let text = without_byte_order_mark(text);
        if !text.trim_start().starts_with('{') {
            return Self::Plain(text.into());
        }
        JsonFields::parse(text).map_or(Self::InvalidJson, Self::Fields)
    }

    /// Parses `bytes`, which are [`Binary`](Self::Binary) if they are not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Binary, Self::parse)
    }

    /// The JSON object of `fields`, wiped on drop.
    ///
    /// # Errors
    ///
    /// `Malformed` (secret) if they cannot be serialized.
    pub fn serialize(fields: &SecretFields) -> Result<Zeroizing<String>, VaultError> {
        // The longest escape, `\u0000`, takes six bytes. A buffer that grows leaves a copy behind.
        let size: usize = fields
            .iter()
            .map(|(name, value)| name.as_str().len() + value.expose_secret().len() * 6 + 8)
            .sum();
        let mut text = Zeroizing::new(Vec::with_capacity(size + 2));
        let members: BTreeMap<&str, &str> =
            fields.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        let failed = || malformed("the fields cannot be serialized as JSON; change their values".to_owned());
        serde_json::to_writer(&mut *text, &members).map_err(|_| failed())?;
        let text = String::from_utf8(std::mem::take(&mut *text)).map_err(|_| failed())?;
        Ok(Zeroizing::new(text))
    }

    /// The fields `names`, or all of them if `names` is empty; `secret` is what a message calls the secret.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret) for a missing field, `Malformed` (secret) for a string that has no such fields.
    pub fn select(self, secret: impl fmt::Display, names: &[FieldName]) -> Result<SecretFields, VaultError> {
        match (self, names) {
            (Self::Fields(fields), names) => {
                fields.select(names).map_err(|unusable| unusable.into_error(&secret))
            }
            (Self::Plain(text), [field]) => Ok(SecretFields::from([(field.clone(), text)])),
            (Self::Plain(_), _) => Err(malformed(format!(
                "{secret} is a plain string, which has a single field only; replace it with a JSON object of fields"
            ))),
            (Self::InvalidJson, _) => {
                Err(malformed(format!("{secret} starts with a brace and is not valid JSON; fix the JSON")))
            }
            (Self::Binary, _) => {
                Err(malformed(format!("{secret} is binary; store a JSON object of fields as its string")))
            }
        }
    }
}

fn malformed(message: String) -> VaultError {
    VaultError::secret(ErrorKind::Malformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{field, fields};

    fn select(text: &str, names: &[&str]) -> Result<Vec<(String, String)>, ErrorKind> {
        let names: Vec<_> = names.iter().map(|name| field(name)).collect();
        let found = SecretText::parse(text).select("a/b", &names).map_err(|error| {
            assert!(!error.message().contains("canary"), "{error}");
            error.kind()
        })?;
        Ok(found.iter().map(|(name, value)| (name.to_string(), value.expose_secret().to_owned())).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, ErrorKind> {
        Ok(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn every_value_but_null_is_a_field() {
        let text = r#"{"password": "canary", "port": 5432, "ratio": 1.50, "tls": true, "none": null, "list": [1, "a"]}"#;
        assert_eq!(select(text, &["port", "password"]), pairs(&[("password", "canary"), ("port", "5432")]));
        assert_eq!(
            select(text, &["ratio", "tls", "list"]),
            pairs(&[("list", r#"[1, "a"]"#), ("ratio", "1.50"), ("tls", "true")])
        );
        assert_eq!(select(text, &["none"]), Err(ErrorKind::NotFound));
        assert_eq!(select(text, &[]).unwrap().len(), 5);
        assert_eq!(select(text, &["token"]), Err(ErrorKind::NotFound));
        assert_eq!(
            select("\u{feff}{\"token\": \"t\"}", &["token"]),
            pairs(&[("token", "t")]),
            "a byte-order mark"
        );
    }

    #[test]
    fn an_unreadable_value_fails_only_reads_of_its_field() {
        let text = r#"{"token": "t", "other": "canary\ud83d"}"#;
        assert_eq!(select(text, &["token"]), pairs(&[("token", "t")]));
        assert_eq!(select(text, &["other"]), Err(ErrorKind::Malformed));
        assert_eq!(
            select(text, &[]),
            Err(ErrorKind::Malformed),
            "a secret without one of its fields is incomplete"
        );
        assert_eq!(select(r#"{"token": "t", "not a name": "canary"}"#, &["token"]), pairs(&[("token", "t")]));
        assert_eq!(select(r#"{"token": "t", "not a name": "canary"}"#, &[]), Err(ErrorKind::Malformed));
        assert_eq!(
            select("{\"token\": \"t\", \"key\": \"a\nb\"}", &["token", "key"]),
            pairs(&[("key", "a\nb"), ("token", "t")])
        );
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
        assert!(matches!(SecretText::from_bytes(b"\xff"), SecretText::Binary));
    }

    #[test]
    fn serialized_fields_are_parsed_to_the_same() {
        let all = fields([("a", "\u{0}\u{1f}\"\\\n"), ("b", "Zoë 鍵 🔑"), ("c", "")]);
        let text = SecretText::serialize(&all).unwrap();
        let back = SecretText::parse(&text).select("a/b", &[]).unwrap();
        assert_eq!(back.len(), 3);
        for (name, value) in &all {
            assert_eq!(back[name].expose_secret(), value.expose_secret());
        }
    }
}
