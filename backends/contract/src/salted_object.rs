//! A secret that a store without versions keeps as a JSON object, with a salt from which its version is derived.
//!
//! The salt is the member `cofferdam:salt`, a name that no field can have.

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::{
    FieldName, JsonFields, NotAnObject, Salt, SecretFields, SecretPath, UnusableFields, VaultError, Version,
};

/// The member with the salt. No field can have this name.
const SALT: &str = "cofferdam:salt";

/// A stored object.
///
/// ```
/// use cofferdam_vault::{SaltedObject, testkit};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (at, fields) = (testkit::path("github/work"), testkit::fields([("token", "t0ken")]));
/// let (json, version) = SaltedObject::to_json(&at, &fields)?;
/// let read = SaltedObject::parse(std::str::from_utf8(&json)?)?;
/// assert_eq!(read.version(&at), Some(version));
/// assert_eq!(read.select(&[])?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SaltedObject {
    fields: JsonFields,
    salt: Option<Salt>,
}

impl SaltedObject {
    /// Parses a JSON object, with or without a salt.
    ///
    /// # Errors
    ///
    /// If `text` is not an object.
    pub fn parse(text: &str) -> Result<Self, NotAnObject> {
        let mut fields = JsonFields::parse(text)?;
        let salt = fields.remove_member(SALT).and_then(|text| Salt::from_hex(text.expose_secret()));
        Ok(Self { fields, salt })
    }

    /// The name and the value of each field that has one.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.fields.texts()
    }

    /// The version of the secret at `path`; `None` if it has no salt.
    pub fn version(&self, path: &SecretPath) -> Option<Version> {
        let salt = self.salt.as_ref()?;
        Some(salt.version(path, self.texts()))
    }

    /// The fields `names`, or all of them if `names` is empty.
    ///
    /// # Errors
    ///
    /// See [`UnusableFields`].
    pub fn select(self, names: &[FieldName]) -> Result<SecretFields, UnusableFields> {
        self.fields.select(names)
    }

    /// A JSON object with `fields` and a new salt, on one line without a line break, and the version that it has at `path`.
    ///
    /// # Errors
    ///
    /// `Unavailable` (vault) if the system has no random bytes.
    pub fn to_json(
        path: &SecretPath,
        fields: &SecretFields,
    ) -> Result<(Zeroizing<Vec<u8>>, Version), VaultError> {
        let salt = Salt::random()?;
        // Every byte may become an escape of six. A buffer that grows leaves a copy behind.
        let sizes = fields.iter().map(|(name, value)| name.as_str().len() + value.expose_secret().len());
        let capacity = 6 * sizes.sum::<usize>() + 8 * fields.len() + 64;
        let mut text = Zeroizing::new(Vec::with_capacity(capacity));
        text.push(b'{');
        for (name, value) in fields {
            put(&mut text, name.as_str(), value.expose_secret());
            text.push(b',');
        }
        put(&mut text, SALT, &salt.to_hex());
        text.push(b'}');
        let version = salt.version(path, fields.iter().map(|(name, value)| (name.as_str(), value)));
        Ok((text, version))
    }
}

fn put(text: &mut Vec<u8>, name: &str, value: &str) {
    // Writing a string to a vector cannot fail.
    let _ = serde_json::to_writer(&mut *text, name);
    text.push(b':');
    let _ = serde_json::to_writer(text, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{field, fields, path};

    fn parsed(text: &str) -> SaltedObject {
        SaltedObject::parse(text).unwrap()
    }

    #[test]
    fn what_is_written_is_read_with_its_version_and_without_its_salt() {
        let (at, all) = (path("github/work"), fields([("token", "a\"\\\n\u{7f}é\0"), ("user", "")]));
        let (json, version) = SaltedObject::to_json(&at, &all).unwrap();
        let json = std::str::from_utf8(&json).unwrap();
        assert_eq!(json.lines().count(), 1);
        assert_eq!(parsed(json).version(&at), Some(version.clone()));
        let read = parsed(json).select(&[]).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[&field("token")].expose_secret(), "a\"\\\n\u{7f}é\0");
        assert_ne!(
            SaltedObject::to_json(&at, &all).unwrap().1,
            version,
            "every write has a version of its own"
        );
        assert!("cofferdam:salt".parse::<FieldName>().is_err());
    }

    #[test]
    fn only_a_whole_salt_makes_a_version() {
        for wrong in ["", "00", &"0".repeat(31)] {
            let object = parsed(&format!(r#"{{"token": "t", "cofferdam:salt": "{wrong}"}}"#));
            assert_eq!(object.version(&path("a/b")), None, "{wrong}");
        }
        assert_eq!(parsed(r#"{"token": "t"}"#).version(&path("a/b")), None);
        let text = format!("{:?}", parsed(&format!(r#"{{"cofferdam:salt": "{}"}}"#, "ab".repeat(16))));
        assert!(!text.contains("abab"), "{text}");
    }
}
