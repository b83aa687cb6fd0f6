//! What a command printed.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};

use cofferdam_vault::files::sole_value;
use cofferdam_vault::{
    ExposeSecret as _, FieldName, SaltedObject, SecretFields, SecretPath, SecretString, UnusableFields,
    Version,
};

/// Why an output is not a secret. Holds nothing of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    Empty,
    NotUtf8,
    Nul,
    NotAnObject,
    Fields(UnusableFields),
}

/// The value of a field in the output of a command.
///
/// No output at all is a defect, because a program that fails may still exit with 0. An empty value is one line break.
pub(crate) fn value(output: &[u8]) -> Result<SecretString, Defect> {
    let value = sole_value(text(output)?);
    if value.contains('\0') { Err(Defect::Nul) } else { Ok(value.into()) }
}

/// A secret that is stored as a JSON object.
pub(crate) struct Document {
    object: SaltedObject,
    pub(crate) version: Version,
}

impl Document {
    /// Parses the output of a command.
    pub(crate) fn parse(output: &[u8], at: &SecretPath, key: &RandomState) -> Result<Self, Defect> {
        let object = SaltedObject::parse(text(output)?).map_err(|_| Defect::NotAnObject)?;
        let version = object.version(at).unwrap_or_else(|| unsalted_version(at, object.texts(), key));
        Ok(Self { object, version })
    }

    /// The fields `names`, or all of them if `names` is empty.
    pub(crate) fn select(self, names: &[FieldName]) -> Result<SecretFields, Defect> {
        let fields = self.object.select(names).map_err(Defect::Fields)?;
        let has_nul = fields.values().any(|value| value.expose_secret().contains('\0'));
        if has_nul { Err(Defect::Nul) } else { Ok(fields) }
    }
}

/// The version of a secret without a salt: a hash under `key`, which never leaves the process.
pub(crate) fn unsalted_version<'a>(
    at: &SecretPath,
    fields: impl Iterator<Item = (&'a str, &'a SecretString)>,
    key: &RandomState,
) -> Version {
    let fields: Vec<_> = fields.map(|(name, value)| (name, value.expose_secret())).collect();
    Version::new(format!("{:016x}", key.hash_one((at, fields))))
}

/// The paths in the output of `list`, one on each line. A store may hold other things too.
pub(crate) fn paths(output: &[u8]) -> Result<BTreeSet<SecretPath>, Defect> {
    let text = std::str::from_utf8(output).map_err(|_| Defect::NotUtf8)?;
    Ok(text.lines().filter_map(|line| line.trim().parse().ok()).collect())
}

fn text(output: &[u8]) -> Result<&str, Defect> {
    if output.is_empty() {
        return Err(Defect::Empty);
    }
    std::str::from_utf8(output).map_err(|_| Defect::NotUtf8)
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{field, path};

    use super::*;

    #[test]
    fn a_value_is_the_output_without_one_line_break() {
        for (output, expected) in [
            (&b"t0ken\n"[..], Ok("t0ken")),
            (b"t0ken", Ok("t0ken")),
            (b"t0ken\r\n", Ok("t0ken")),
            (b"\n", Ok("")),
            (b"one\ntwo\n\n", Ok("one\ntwo\n")),
            (b"", Err(Defect::Empty)),
            (b"\xff\n", Err(Defect::NotUtf8)),
            (b"a\0b\n", Err(Defect::Nul)),
        ] {
            let found = value(output).map(|value| value.expose_secret().to_owned());
            assert_eq!(found, expected.map(str::to_owned), "{output:?}");
        }
    }

    #[test]
    fn an_object_that_is_none_and_a_value_that_cannot_be_used_are_told_apart() {
        let read = |text: &str, name: &str| {
            Document::parse(text.as_bytes(), &path("a/b"), &RandomState::new())?.select(&[field(name)])
        };
        let missing = |name: &str| Defect::Fields(UnusableFields::Missing(vec![field(name)]));
        assert_eq!(read("", "token").err(), Some(Defect::Empty));
        assert_eq!(read("token", "token").err(), Some(Defect::NotAnObject));
        assert_eq!(read("{}", "token").err(), Some(missing("token")));
        assert_eq!(read(r#"{"token": "a\u0000"}"#, "token").err(), Some(Defect::Nul));
        assert!(read(r#"{"token": "t", "other": "a\u0000"}"#, "token").is_ok());
    }

    #[test]
    fn a_version_without_a_salt_follows_the_fields_and_tests_no_guess() {
        let version = |text: &str, key: &RandomState| {
            Document::parse(text.as_bytes(), &path("a/b"), key).unwrap().version
        };
        let (key, other) = (RandomState::new(), RandomState::new());
        let base = version(r#"{"ab": "c"}"#, &key);
        assert_eq!(version(r#"{ "ab":"c" }"#, &key), base);
        assert_ne!(version(r#"{"a": "bc"}"#, &key), base);
        assert_ne!(version(r#"{"ab": "c"}"#, &other), base, "another process");
    }

    #[test]
    fn lines_that_are_no_paths_are_not_listed() {
        let listed = paths(b"github/work\nREADME.md\n\n notion \ngithub/work\n../x\n").unwrap();
        assert_eq!(listed, ["github/work", "notion"].map(path).into());
        assert_eq!(paths(b"\xff"), Err(Defect::NotUtf8));
    }
}
