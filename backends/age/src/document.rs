//! Parses the plaintext: its secrets, and their versions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use cofferdam_vault::{
    ErrorKind, Expect, ExposeSecret, FieldName, Secret, SecretFields, SecretPath, SecretString, VaultError,
    Version,
};
use toml::de::{DeTable, DeValue};
use zeroize::Zeroize;

use crate::file::FileDigest;
use crate::version::{Salt, version};

/// The table of the salts. See [`crate::version`].
pub(crate) const RESERVED: &str = "_cofferdam";

/// The secrets of a vault file.
///
/// A top-level key that is not a valid path is ignored and preserved.
pub(crate) struct Document {
    secrets: BTreeMap<SecretPath, Entry>,
}

/// The entry at a path.
pub(crate) enum Entry {
    Secret {
        fields: SecretFields,
        version: Version,
    },
    /// Something that is not a secret: the line, and why.
    Invalid {
        line: usize,
        why: &'static str,
    },
}

impl Document {
    /// Parses `plaintext`, the decrypted content of the file at `path` whose encrypted bytes have the digest `file`.
    pub(crate) fn parse(path: &Path, plaintext: &str, file: &FileDigest) -> Result<Self, VaultError> {
        let table = DeTable::parse(plaintext).map_err(|error| not_toml(path, plaintext, error.span()))?;
        let salts = salts(table.get_ref());
        let mut secrets = BTreeMap::new();
        for (key, value) in table.into_inner() {
            let Ok(at) = key.get_ref().parse::<SecretPath>() else { continue };
            let entry = match parse_fields(value.into_inner(), plaintext, key.span()) {
                Ok(fields) => {
                    let version = version(&at, &fields, salts.get(at.as_str()), file);
                    Entry::Secret { fields, version }
                }
                Err((line, why)) => Entry::Invalid { line, why },
            };
            secrets.insert(at, entry);
        }
        Ok(Self { secrets })
    }

    /// The paths of all secrets, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &SecretPath> {
        self.secrets.keys()
    }

    /// The secret at `at` with the fields `names`, or with all of them if `names` is empty.
    pub(crate) fn read(&self, at: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        let not_found = |message: String| Err(VaultError::secret(ErrorKind::NotFound, message));
        match self.secrets.get(at) {
            None => not_found(format!("this vault has no secret {at}; `cofferdam secret set` writes it")),
            Some(Entry::Invalid { line, why }) => Err(VaultError::secret(
                ErrorKind::Malformed,
                format!(
                    "the secret {at} is invalid: {why} on line {line} of the plaintext; fix it with `age -d`, an editor and \
                     `age -e`"
                ),
            )),
            Some(Entry::Secret { fields, version }) => {
                let mut found = if names.is_empty() { fields.clone() } else { SecretFields::new() };
                for name in names {
                    let Some(value) = fields.get(name) else {
                        return not_found(format!(
                            "the secret {at} has no field `{name}`; `cofferdam secret set` writes it"
                        ));
                    };
                    found.insert(name.clone(), value.clone());
                }
                Ok(Secret { fields: found, version: version.clone(), valid_for: None, lease: None })
            }
        }
    }

    /// Whether `expect` holds for `at`.
    pub(crate) fn expects(&self, at: &SecretPath, expect: &Expect) -> bool {
        match expect {
            Expect::Any => true,
            Expect::Absent => !self.secrets.contains_key(at),
            Expect::Version(expected) => self.version(at) == Some(expected),
        }
    }

    /// The version of the secret at `at`; `None` if it is absent or invalid.
    pub(crate) fn version(&self, at: &SecretPath) -> Option<&Version> {
        match self.secrets.get(at)? {
            Entry::Secret { version, .. } => Some(version),
            Entry::Invalid { .. } => None,
        }
    }

    /// Whether the secret at `at` has exactly `fields`, or is absent if they are `None`.
    pub(crate) fn holds(&self, at: &SecretPath, fields: Option<&SecretFields>) -> bool {
        match (self.secrets.get(at), fields) {
            (None, None) => true,
            (Some(Entry::Secret { fields: actual, .. }), Some(expected)) => {
                actual.len() == expected.len()
                    && actual.iter().zip(expected).all(|((name, value), (expected_name, expected))| {
                        name == expected_name && value.expose_secret() == expected.expose_secret()
                    })
            }
            _ => false,
        }
    }

    pub(crate) fn contains(&self, at: &SecretPath) -> bool {
        self.secrets.contains_key(at)
    }
}

/// The error of a plaintext that is not TOML. It names only line and column, because the parser's message may quote a secret.
pub(crate) fn not_toml(path: &Path, plaintext: &str, span: Option<Range<usize>>) -> VaultError {
    let start = span.map_or(0, |span| span.start);
    let line = line_of(plaintext, start);
    let column = plaintext
        .get(..start)
        .map_or(1, |before| before.chars().rev().take_while(|&letter| letter != '\n').count() + 1);
    VaultError::vault(
        ErrorKind::Malformed,
        format!(
            "the plaintext of {} is not TOML: syntax error at line {line}, column {column}; fix it with `age -d`, an \
             editor and `age -e`",
            path.display()
        ),
    )
}

fn line_of(plaintext: &str, offset: usize) -> usize {
    plaintext.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

fn salts(table: &DeTable<'_>) -> BTreeMap<String, Salt> {
    let Some(DeValue::Table(salts)) = table.get(RESERVED).map(|value| value.get_ref()) else {
        return BTreeMap::new();
    };
    salts
        .iter()
        .filter_map(|(path, salt)| match salt.get_ref() {
            DeValue::String(salt) => Some((path.get_ref().to_string(), Salt::from_hex(salt)?)),
            _ => None,
        })
        .collect()
}

/// The fields of a secret, or the line of an invalid one and what is wrong.
fn parse_fields(
    value: DeValue<'_>,
    plaintext: &str,
    key: Range<usize>,
) -> Result<SecretFields, (usize, &'static str)> {
    let DeValue::Table(table) = value else {
        return Err((line_of(plaintext, key.start), "it is not a table of fields"));
    };
    let mut fields = SecretFields::new();
    let mut invalid = None;
    for (name, value) in table {
        let line = || line_of(plaintext, name.span().start);
        match (name.get_ref().parse::<FieldName>(), value.into_inner()) {
            (Ok(field), DeValue::String(text)) => {
                fields.insert(field, SecretString::from(&*text));
                // A value with escapes was unescaped into a buffer of its own.
                if let std::borrow::Cow::Owned(mut text) = text {
                    text.zeroize();
                }
            }
            (Ok(_), _) => invalid = invalid.or_else(|| Some((line(), "a field's value is not a string"))),
            (Err(_), _) => invalid = invalid.or_else(|| Some((line(), "a field's name is invalid"))),
        }
    }
    invalid.map_or(Ok(fields), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(plaintext: &str) -> Result<Document, VaultError> {
        Document::parse(Path::new("v.age"), plaintext, &[0; 32])
    }

    fn token(document: &Document, path: &str) -> Result<String, VaultError> {
        let field: FieldName = "token".parse().unwrap();
        let secret = document.read(&path.parse().unwrap(), std::slice::from_ref(&field))?;
        Ok(secret.expose(&field).unwrap().to_owned())
    }

    #[test]
    fn an_invalid_entry_does_not_affect_the_others() {
        let document = parse(concat!(
            "[\"a/good\"]\ntoken = \"t\"\n",
            "[\"a/number\"]\ntoken = 5551234\n",
            "[\"a/name\"]\ntoken = \"x\"\n\"odd name\" = \"x\"\n",
            "[[\"a/list\"]]\ntoken = \"x\"\n",
            "[\"Not A Path\"]\ntoken = \"x\"\n",
        ))
        .unwrap();
        assert_eq!(token(&document, "a/good").unwrap(), "t");
        for (path, line) in [("a/number", 4), ("a/name", 7), ("a/list", 8)] {
            let error = token(&document, path).unwrap_err();
            assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Malformed, false), "{path}");
            assert!(error.message().contains(&format!("line {line} ")), "{error}");
            assert!(!error.message().contains("5551234"), "{error}");
        }
        assert_eq!(document.paths().count(), 4);
    }

    #[test]
    fn a_syntax_error_is_reported_by_its_position_alone() {
        let error = parse("[\"a/b\"]\ntoken = \"canary-7c1\n").err().unwrap();
        assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Malformed, true));
        assert!(error.message().contains("line 2"), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }

    #[test]
    fn every_form_of_a_table_is_parsed() {
        let document = parse(
            "\"a/inline\" = { token = \"1\" }\n\"a/dotted\".token = '2'\n[a]\ntoken = \"\"\"3\\\n  \"\"\"\n",
        )
        .unwrap();
        assert_eq!(token(&document, "a/inline").unwrap(), "1");
        assert_eq!(token(&document, "a/dotted").unwrap(), "2");
        assert_eq!(token(&document, "a").unwrap(), "3");
    }

    #[test]
    fn a_missing_secret_and_a_missing_field_are_not_found() {
        let document = parse("[\"a/b\"]\nother = \"x\"\n").unwrap();
        for path in ["a/b", "a/c"] {
            assert_eq!(token(&document, path).unwrap_err().kind(), ErrorKind::NotFound);
        }
    }
}
