//! Parses and serializes the content of an item.
//!
//! All fields of a secret are one item, as a [`SaltedObject`]: a write replaces them together, and a read finds the fields of
//! one moment.
//!
//! An item that a person or another program made is usually a plain string. It is the value of whichever single field is
//! requested.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use cofferdam_vault::files::without_byte_order_mark;
use cofferdam_vault::{FieldName, SaltedObject, SecretFields, SecretPath, SecretString, VaultError, Version};
use zeroize::Zeroizing;

use crate::error;

/// The largest content of an item, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// The key of the versions of items without a salt; never leaves the process.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The bytes of an item, wiped on drop.
pub(crate) type Bytes = Zeroizing<Vec<u8>>;

/// The content of an item, and the version that follows from it.
#[derive(Debug)]
pub(crate) struct Content {
    value: Value,
    version: Version,
}

#[derive(Debug)]
enum Value {
    /// A JSON object.
    Object(SaltedObject),
    /// A string that is not a JSON object.
    Text(SecretString),
    /// A string that starts like a JSON object and is not one.
    InvalidJson,
    /// Neither text nor JSON: not UTF-8, or with NUL characters.
    Binary,
}

impl Content {
    /// Parses the `bytes` of the item of `path`.
    pub(crate) fn parse(path: &SecretPath, bytes: &Bytes) -> Self {
        let value = match std::str::from_utf8(bytes).map(without_byte_order_mark) {
            Err(_) => Value::Binary,
            Ok(text) if text.trim_start().starts_with('{') => {
                SaltedObject::parse(text).map_or(Value::InvalidJson, Value::Object)
            }
            Ok(text) if text.contains('\0') => Value::Binary,
            Ok(text) => Value::Text(SecretString::from(text)),
        };
        let version = match &value {
            Value::Object(object) => object.version(path),
            _ => None,
        };
        Self { value, version: version.unwrap_or_else(|| local_version(path, bytes)) }
    }

    /// Identifies this state of the item.
    pub(crate) fn version(&self) -> &Version {
        &self.version
    }

    /// The fields `names`, or all of them if `names` is empty.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret) for a missing field, `Malformed` (secret) for content that has no fields.
    pub(crate) fn select(self, path: &SecretPath, names: &[FieldName]) -> Result<SecretFields, VaultError> {
        let malformed = |what: &str| Err(error::malformed(path, what));
        match (self.value, names) {
            (Value::Object(object), names) => object
                .select(names)
                .map_err(|unusable| unusable.into_error(format_args!("the item of {path}"))),
            (Value::Text(text), [field]) => Ok(SecretFields::from([(field.clone(), text)])),
            (Value::Text(_), _) => malformed(
                "is a plain string, which has a single field only; delete it in the program of your keychain, \
                 then use `cofferdam secret set`",
            ),
            (Value::InvalidJson, _) => malformed("starts with a brace and is not valid JSON; fix the JSON"),
            (Value::Binary, _) => malformed(
                "is not text in UTF-8; delete it in the program of your keychain, then use `cofferdam secret set`",
            ),
        }
    }
}

/// Serializes `fields` and a new salt, and returns the version of the result.
///
/// # Errors
///
/// `Malformed` (secret) if they are too large, `Unavailable` (vault) if the system has no random bytes.
pub(crate) fn serialize(path: &SecretPath, fields: &SecretFields) -> Result<(Bytes, Version), VaultError> {
    let (bytes, version) = SaltedObject::to_json(path, fields)?;
    if bytes.len() > MAX_BYTES { Err(error::too_large(path, MAX_BYTES)) } else { Ok((bytes, version)) }
}

/// The version of an item that another program made. It is a hash under a key of this process, so that it does not help to
/// guess the content, and another process has another version.
fn local_version(path: &SecretPath, bytes: &[u8]) -> Version {
    Version::new(format!("{:016x}", KEY.hash_one((path.as_str(), bytes))))
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{field, fields, path};
    use cofferdam_vault::{ErrorKind, ExposeSecret as _};

    use super::*;

    fn parse(bytes: &[u8]) -> Content {
        Content::parse(&path("a/b"), &Zeroizing::new(bytes.to_vec()))
    }

    fn select(bytes: &[u8], names: &[&str]) -> Result<Vec<(String, String)>, ErrorKind> {
        let names: Vec<_> = names.iter().map(|name| field(name)).collect();
        let found = parse(bytes).select(&path("a/b"), &names).map_err(|error| {
            assert!(!error.message().contains("canary"), "{error}");
            error.kind()
        })?;
        Ok(found.iter().map(|(name, value)| (name.to_string(), value.expose_secret().to_owned())).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, ErrorKind> {
        Ok(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn serialized_fields_are_parsed_to_the_same() {
        let all = fields([("a", "\u{0}\u{1f}\"\\\n"), ("b", "Zoë 鍵 🔑"), ("c", "")]);
        let (bytes, version) = serialize(&path("a/b"), &all).unwrap();
        let content = Content::parse(&path("a/b"), &bytes);
        assert_eq!(*content.version(), version);
        let back = content.select(&path("a/b"), &[]).unwrap();
        assert_eq!(back.len(), 3);
        for (name, value) in &all {
            assert_eq!(back[name].expose_secret(), value.expose_secret());
        }
    }

    #[test]
    fn a_plain_string_is_the_single_requested_field() {
        for text in ["canary", " canary\n", "12", "\"canary\"", ""] {
            assert_eq!(select(text.as_bytes(), &["token"]), pairs(&[("token", text)]));
            assert_eq!(select(text.as_bytes(), &["a", "b"]), Err(ErrorKind::Malformed));
            assert_eq!(select(text.as_bytes(), &[]), Err(ErrorKind::Malformed));
        }
        assert_eq!(select(b"\xef\xbb\xbfcanary", &["token"]), pairs(&[("token", "canary")]));
    }

    #[test]
    fn an_object_by_another_program_has_its_members_as_fields() {
        let text = br#"{"token": "canary", "port": 5432, "none": null}"#;
        assert_eq!(select(text, &["port", "token"]), pairs(&[("port", "5432"), ("token", "canary")]));
        assert_eq!(select(text, &["none"]), Err(ErrorKind::NotFound));
    }

    #[test]
    fn what_is_not_text_is_never_used_as_a_token() {
        let utf16 = b"c\0a\0n\0a\0r\0y\0";
        for bytes in [&b"canary\xff"[..], utf16, br#"{"token": "canary""#, b"{canary}"] {
            assert_eq!(select(bytes, &["token"]), Err(ErrorKind::Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn equal_fields_written_twice_have_two_versions() {
        let all = fields([("token", "one")]);
        let version = |at: &str| serialize(&path(at), &all).unwrap().1;
        assert_ne!(version("a/b"), version("a/b"));
    }

    #[test]
    fn a_version_changes_with_path_and_content() {
        let (bytes, version) = serialize(&path("a/b"), &fields([("token", "one")])).unwrap();
        assert_ne!(*Content::parse(&path("a/c"), &bytes).version(), version);
        let edited = String::from_utf8(bytes.to_vec()).unwrap().replace("one", "two");
        assert_ne!(*parse(edited.as_bytes()).version(), version);
        assert_eq!(parse(b"canary").version(), parse(b"canary").version());
        assert_ne!(parse(b"canary").version(), parse(b"canary2").version());
    }

    #[test]
    fn a_salt_that_could_be_guessed_makes_no_version() {
        for salt in ["", "00", &"0".repeat(31), &"g".repeat(32)] {
            let bytes =
                Zeroizing::new(format!(r#"{{"token": "t", "cofferdam:salt": "{salt}"}}"#).into_bytes());
            let at = path("a/b");
            assert_eq!(*Content::parse(&at, &bytes).version(), local_version(&at, &bytes), "{salt}");
        }
    }

    #[test]
    fn a_secret_that_is_too_large_is_refused_before_it_is_sent() {
        let error =
            serialize(&path("a/b"), &fields([("token", "x".repeat(MAX_BYTES).as_str())])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }

    #[test]
    fn nothing_is_printed() {
        for bytes in [&b"canary"[..], br#"{"token": "canary"}"#] {
            assert!(!format!("{:?}", parse(bytes)).contains("canary"));
        }
    }
}
