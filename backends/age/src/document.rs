//! The plaintext as it is read: which secrets there are, and in which version.

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

/// The table that holds the salts. See [`crate::version`].
pub(crate) const RESERVED: &str = "_cofferdam";

/// The secrets of a vault file.
///
/// A top-level key that is no path can be asked for by nobody, and is left alone.
pub(crate) struct Document {
    secrets: BTreeMap<SecretPath, Entry>,
}

/// What stands at a path.
pub(crate) enum Entry {
    Whole {
        fields: SecretFields,
        version: Version,
    },
    /// Something that is no secret, and the line where it begins to be odd.
    Odd {
        line: usize,
        what: &'static str,
    },
}

impl Document {
    /// Reads `plaintext`, the decrypted content of the file at `path` whose encrypted bytes have the digest `file`.
    pub(crate) fn parse(path: &Path, plaintext: &str, file: &FileDigest) -> Result<Self, VaultError> {
        let table = DeTable::parse(plaintext).map_err(|error| not_toml(path, plaintext, error.span()))?;
        let salts = salts(table.get_ref());
        let mut secrets = BTreeMap::new();
        for (key, value) in table.into_inner() {
            let Ok(at) = key.get_ref().parse::<SecretPath>() else { continue };
            let entry = match read_fields(value.into_inner(), plaintext, key.span()) {
                Ok(fields) => {
                    let version = version(&at, &fields, salts.get(at.as_str()), file);
                    Entry::Whole { fields, version }
                }
                Err((line, what)) => Entry::Odd { line, what },
            };
            secrets.insert(at, entry);
        }
        Ok(Self { secrets })
    }

    /// The paths of all secrets, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &SecretPath> {
        self.secrets.keys()
    }

    /// The secret at `at`, with the fields that are `wanted`; with none named, all of them.
    pub(crate) fn read(&self, at: &SecretPath, wanted: &[FieldName]) -> Result<Secret, VaultError> {
        let not_found = |what: String| Err(VaultError::secret(ErrorKind::NotFound, what));
        match self.secrets.get(at) {
            None => {
                not_found(format!("there is no secret {at} in this vault; `cofferdam secret set` adds it"))
            }
            Some(Entry::Odd { line, what }) => Err(VaultError::secret(
                ErrorKind::Malformed,
                format!(
                    "the secret {at} cannot be used: {what} on line {line} of the plaintext; mend it there"
                ),
            )),
            Some(Entry::Whole { fields, version }) => {
                let mut found = if wanted.is_empty() { fields.clone() } else { SecretFields::new() };
                for name in wanted {
                    let Some(value) = fields.get(name) else {
                        return not_found(format!(
                            "the secret {at} has no field `{name}`; `cofferdam secret set` adds it"
                        ));
                    };
                    found.insert(name.clone(), value.clone());
                }
                Ok(Secret { fields: found, version: version.clone(), valid_for: None, lease: None })
            }
        }
    }

    /// Whether a writer's belief about `at` holds.
    pub(crate) fn expects(&self, at: &SecretPath, expect: &Expect) -> bool {
        match expect {
            Expect::Any => true,
            Expect::Absent => !self.secrets.contains_key(at),
            Expect::Version(expected) => self.version(at) == Some(expected),
        }
    }

    /// The version of the secret at `at`, where there is one that can be read.
    pub(crate) fn version(&self, at: &SecretPath) -> Option<&Version> {
        match self.secrets.get(at)? {
            Entry::Whole { version, .. } => Some(version),
            Entry::Odd { .. } => None,
        }
    }

    /// Whether exactly `fields` stand at `at`, or nothing where they are `None`.
    pub(crate) fn holds(&self, at: &SecretPath, fields: Option<&SecretFields>) -> bool {
        match (self.secrets.get(at), fields) {
            (None, None) => true,
            (Some(Entry::Whole { fields: there, .. }), Some(fields)) => {
                there.len() == fields.len()
                    && there.iter().zip(fields).all(|((name, text), (wanted_name, wanted))| {
                        name == wanted_name && text.expose_secret() == wanted.expose_secret()
                    })
            }
            _ => false,
        }
    }

    pub(crate) fn contains(&self, at: &SecretPath) -> bool {
        self.secrets.contains_key(at)
    }
}

/// That `path` holds no TOML. The parser's own words may quote the content, so only the place is told.
pub(crate) fn not_toml(path: &Path, plaintext: &str, span: Option<Range<usize>>) -> VaultError {
    let start = span.map_or(0, |span| span.start);
    let line = line_of(plaintext, start);
    let column = plaintext
        .get(..start)
        .map_or(1, |before| before.chars().rev().take_while(|&letter| letter != '\n').count() + 1);
    VaultError::vault(
        ErrorKind::Malformed,
        format!(
            "the plaintext of {} is not TOML: see its line {line}, column {column}; mend it with `age -d`, an editor \
             and `age -e`",
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

/// The fields of a secret, or the line of what cannot be one, and what it is.
fn read_fields(
    value: DeValue<'_>,
    plaintext: &str,
    key: Range<usize>,
) -> Result<SecretFields, (usize, &'static str)> {
    let DeValue::Table(table) = value else {
        return Err((line_of(plaintext, key.start), "it is not a table of fields, as it stands"));
    };
    let mut fields = SecretFields::new();
    let mut odd = None;
    for (name, value) in table {
        let line = || line_of(plaintext, name.span().start);
        match (name.get_ref().parse::<FieldName>(), value.into_inner()) {
            (Ok(field), DeValue::String(text)) => {
                fields.insert(field, SecretString::from(&*text));
                // A value with escapes was unescaped into memory of its own.
                if let std::borrow::Cow::Owned(mut text) = text {
                    text.zeroize();
                }
            }
            (Ok(_), _) => odd = odd.or_else(|| Some((line(), "a field's value is not a string"))),
            (Err(_), _) => odd = odd.or_else(|| Some((line(), "a field's name cannot be one"))),
        }
    }
    odd.map_or(Ok(fields), Err)
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
    fn one_odd_entry_leaves_the_others_alone() {
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
    fn text_that_is_not_toml_is_told_by_its_place_alone() {
        let error = parse("[\"a/b\"]\ntoken = \"canary-7c1\n").err().unwrap();
        assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Malformed, true));
        assert!(error.message().contains("line 2"), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }

    #[test]
    fn every_way_to_write_a_table_is_read() {
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
