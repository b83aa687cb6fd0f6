//! A secret that a store without versions keeps as a JSON object, with a salt from which its version is derived.
//!
//! A version must change with the secret, and must not help to guess it, because it is printed and logged. So a written
//! object has a member `cofferdam:salt`, a name that no field can have: 128 random bits, new with every write. The version
//! is a digest of salt, path and fields. It is the same for every process, changes with an edit by hand too, and tests no
//! guess without the salt, which is as secret as the fields.

use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    ErrorKind, FieldName, JsonFields, NotAnObject, SecretFields, SecretPath, UnusableFields, VaultError,
    Version,
};

/// The member with the salt. No field can have this name.
const SALT: &str = "cofferdam:salt";

/// The length of salts and versions, in bytes.
const BYTES: usize = 16;

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

/// 128 random bits in hexadecimal.
struct Salt(String);

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt([REDACTED])")
    }
}

impl Salt {
    fn random() -> Result<Self, VaultError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| {
            VaultError::vault(ErrorKind::Unavailable, "the system returned no random bytes; try again later")
        })?;
        Ok(Self(hex(&bytes)))
    }

    /// A shorter text would be a salt that can be guessed.
    fn parse(text: &str) -> Option<Self> {
        let is_salt = text.len() == 2 * BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_salt.then(|| Self(text.to_owned()))
    }
}

impl SaltedObject {
    /// Parses a JSON object, with or without a salt.
    ///
    /// # Errors
    ///
    /// If `text` is not an object.
    pub fn parse(text: &str) -> Result<Self, NotAnObject> {
        let mut fields = JsonFields::parse(text)?;
        let salt = fields.remove_member(SALT).and_then(|text| Salt::parse(text.expose_secret()));
        Ok(Self { fields, salt })
    }

    /// The name and the value of each field that has one.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.fields.texts()
    }

    /// The version of the secret at `path`; `None` if it has no salt.
    pub fn version(&self, path: &SecretPath) -> Option<Version> {
        let salt = self.salt.as_ref()?;
        Some(version(salt, path, self.texts()))
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
        put(&mut text, SALT, &salt.0);
        text.push(b'}');
        let version = version(&salt, path, fields.iter().map(|(name, value)| (name.as_str(), value)));
        Ok((text, version))
    }
}

fn put(text: &mut Vec<u8>, name: &str, value: &str) {
    // Writing a string to a vector cannot fail.
    let _ = serde_json::to_writer(&mut *text, name);
    text.push(b':');
    let _ = serde_json::to_writer(text, value);
}

/// `fields` are in the order of their names.
fn version<'a>(
    Salt(salt): &Salt,
    path: &SecretPath,
    fields: impl Iterator<Item = (&'a str, &'a SecretString)>,
) -> Version {
    let mut digest = Sha256::new();
    // With its length, so that different lists of strings have different digests.
    let mut put = |text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    };
    put(salt);
    put(path.as_str());
    for (name, value) in fields {
        put(name);
        put(value.expose_secret());
    }
    Version::new(hex(&digest.finalize()[..BYTES]))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
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
    fn a_version_changes_with_path_and_fields() {
        let with = |fields: &str| parsed(&format!(r#"{{{fields}, "cofferdam:salt": "{}"}}"#, "0".repeat(32)));
        let at = path("a/b");
        let base = with(r#""ab": "c""#).version(&at);
        assert!(base.is_some());
        assert_eq!(with(r#""ab": "c""#).version(&at), base);
        assert_ne!(with(r#""ab": "c""#).version(&path("a/c")), base);
        assert_ne!(with(r#""a": "bc""#).version(&at), base);
        assert_ne!(with(r#""ab": "c", "d": """#).version(&at), base);
    }

    #[test]
    fn only_a_whole_salt_makes_a_version() {
        for wrong in ["", "00", &"g".repeat(32), &"0".repeat(33)] {
            let object = parsed(&format!(r#"{{"token": "t", "cofferdam:salt": "{wrong}"}}"#));
            assert_eq!(object.version(&path("a/b")), None, "{wrong}");
        }
        assert_eq!(parsed(r#"{"token": "t"}"#).version(&path("a/b")), None);
        let text = format!("{:?}", parsed(&format!(r#"{{"cofferdam:salt": "{}"}}"#, "ab".repeat(16))));
        assert!(!text.contains("abab"), "{text}");
    }
}
