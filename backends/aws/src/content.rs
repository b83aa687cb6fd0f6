//! Parses and serializes the fields in the string of a secret.

use std::collections::BTreeMap;

use cofferdam_vault::files::without_byte_order_mark;
use cofferdam_vault::{
    ErrorKind, ExposeSecret as _, FieldName, JsonFields, SecretFields, SecretString, UnusableFields,
    VaultError,
};
use zeroize::Zeroizing;

/// The member of a tombstone. No field can have this name.
const DELETED: &str = "cofferdam:deleted";
/// Replaces a deleted secret, so that a delete conflicts with concurrent writes.
pub(crate) const TOMBSTONE: &str = r#"{"cofferdam:deleted":true}"#;

/// The content of one version of a secret.
pub(crate) enum Content {
    /// The members of a JSON object.
    Fields(JsonFields),
    /// A string that is not a JSON object.
    Text(Zeroizing<String>),
    /// A string that starts like a JSON object and is not one.
    InvalidJson,
    /// Binary, or empty.
    Binary,
    /// A tombstone.
    Deleted,
}

impl Content {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let Some(text) = text.map(without_byte_order_mark) else { return Self::Binary };
        if !text.trim_start().starts_with('{') {
            return Self::Text(Zeroizing::new(text.to_owned()));
        }
        match JsonFields::parse(text) {
            Ok(fields) if fields.has_member(DELETED) => Self::Deleted,
            Ok(fields) => Self::Fields(fields),
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
            (Self::Fields(fields), names) => {
                let error = |unusable: UnusableFields| unusable.into_error(format!("the secret {secret}"));
                fields.select(names).map_err(error)
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
