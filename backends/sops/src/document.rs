//! The decrypted document, and the version of a secret in it.

use std::path::Path;

use cofferdam_vault::{
    ExposeSecret as _, FieldName, JsonFields, SaltedObject, Secret, SecretFields, SecretPath, UnusableFields,
    VaultError, Version,
};

use crate::error;
use crate::file::FileDigest;
use crate::format::Format;
use crate::names;

/// A decrypted document.
pub(crate) struct Document<'a> {
    path: &'a Path,
    format: Format,
    /// The secrets, each as JSON, or the variables.
    members: JsonFields,
    digest: FileDigest,
}

impl<'a> Document<'a> {
    /// Parses the JSON that `sops` printed of the document at `path`, whose encrypted bytes have this digest.
    pub(crate) fn parse(
        path: &'a Path,
        format: Format,
        json: &[u8],
        digest: FileDigest,
    ) -> Result<Self, VaultError> {
        let text = std::str::from_utf8(json).unwrap_or_default();
        let members = JsonFields::parse(text).map_err(|why| error::not_a_document(path, why))?;
        Ok(Self { path, format, members, digest })
    }

    /// The fields `names` of the secret at `at`, or all of them if `names` is empty.
    pub(crate) fn read(&self, at: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        let (fields, version) = if self.format == Format::Variables {
            (self.variables(at, names)?, self.unsalted_version(at))
        } else {
            let object = self.object(at)?.ok_or_else(|| error::absent(at, self.path))?;
            let version = object.version(at).unwrap_or_else(|| self.unsalted_version(at));
            (object.select(names).map_err(|why| error::unusable(at, &why))?, version)
        };
        Ok(Secret { fields, version, valid_for: None, lease: None })
    }

    /// The version of the secret at `at`; `None` if it is absent. An entry that is not a secret has one too, which matches
    /// no read.
    pub(crate) fn version(&self, at: &SecretPath) -> Option<Version> {
        match self.object(at) {
            Ok(object) => Some(object?.version(at).unwrap_or_else(|| self.unsalted_version(at))),
            Err(_) => Some(self.unsalted_version(at)),
        }
    }

    /// The paths of all secrets, in order. Another entry may have the name of a path, too.
    pub(crate) fn paths(&self) -> impl Iterator<Item = SecretPath> {
        let tables =
            self.members.texts().filter(|(_, text)| SaltedObject::parse(text.expose_secret()).is_ok());
        tables.filter_map(|(name, _)| name.parse().ok())
    }

    fn object(&self, at: &SecretPath) -> Result<Option<SaltedObject>, VaultError> {
        let member = self.members.texts().find(|(name, _)| *name == at.as_str());
        let object = member.map(|(_, text)| SaltedObject::parse(text.expose_secret()));
        object.transpose().map_err(|_| error::not_a_secret(at, self.path))
    }

    fn variables(&self, at: &SecretPath, names: &[FieldName]) -> Result<SecretFields, VaultError> {
        let mut fields = SecretFields::new();
        for name in names {
            let variable = names::variable(at, name);
            let Some((_, value)) = self.members.texts().find(|(member, _)| *member == variable) else {
                return Err(error::unusable(at, &UnusableFields::Missing(vec![name.clone()])));
            };
            fields.insert(name.clone(), value.clone());
        }
        Ok(fields)
    }

    /// Follows from the encrypted document, and not from the secret.
    fn unsalted_version(&self, at: &SecretPath) -> Version {
        Version::of_encrypted(&self.digest, at)
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::ErrorKind;
    use cofferdam_vault::testkit::{field, path};

    use super::*;

    const TABLES: &str = r#"{
        "github/work": {"token": "t", "port": 5432, "none": null},
        "notes": "text",
        "Not A Path": {"token": "x"}
    }"#;

    fn document(format: Format, json: &str, digest: u8) -> Result<Document<'static>, VaultError> {
        Document::parse(Path::new("s.yaml"), format, json.as_bytes(), [digest; 32])
    }

    #[test]
    fn secrets_are_tables_and_other_entries_are_left_alone() {
        let document = document(Format::Tables, TABLES, 1).unwrap();
        assert_eq!(document.paths().collect::<Vec<_>>(), [path("github/work")]);
        let secret = document.read(&path("github/work"), &[]).unwrap();
        assert_eq!(secret.expose(&field("port")), Some("5432"));
        assert_eq!(secret.fields.len(), 2);
        let kind = |at: &str, name: &str| document.read(&path(at), &[field(name)]).unwrap_err().kind();
        assert_eq!(kind("github/work", "none"), ErrorKind::NotFound);
        assert_eq!(kind("github/home", "token"), ErrorKind::NotFound);
        assert_eq!(kind("notes", "token"), ErrorKind::Malformed);
        for text in ["", "[]", "text"] {
            assert_eq!(self::document(Format::Tables, text, 1).err().unwrap().kind(), ErrorKind::Malformed);
        }
    }

    #[test]
    fn variables_are_named_as_those_of_the_environment() {
        let document = document(Format::Variables, r#"{"GITHUB_WORK_TOKEN": "t"}"#, 1).unwrap();
        let read = |name: &str| document.read(&path("github/work"), &[field(name)]);
        assert_eq!(read("token").unwrap().expose(&field("token")), Some("t"));
        assert_eq!(read("user").unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_version_without_a_salt_follows_from_the_encrypted_document_and_the_path() {
        let version = |json: &str, digest, at: &str| {
            document(Format::Tables, json, digest).unwrap().version(&path(at)).unwrap()
        };
        let base = version(TABLES, 1, "github/work");
        assert_eq!(version(r#"{"github/work": {"token": "other"}}"#, 1, "github/work"), base);
        assert_ne!(version(TABLES, 2, "github/work"), base);
        assert_ne!(version(TABLES, 1, "notes"), base);
        assert_eq!(document(Format::Tables, TABLES, 1).unwrap().version(&path("github/home")), None);
    }
}
