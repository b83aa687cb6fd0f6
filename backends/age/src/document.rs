//! Parses the plaintext: its secrets, and their versions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use cofferdam_vault::{
    ErrorKind, Expect, ExposeSecret, FieldName, Salt, Secret, SecretFields, SecretPath, SecretString,
    VaultError, Version,
};
use toml::de::{DeTable, DeValue};
use zeroize::{Zeroize, Zeroizing};

use crate::file::FileDigest;
use crate::version::version;

/// The table of the salts. See [`crate::version`].
pub(crate) const RESERVED: &str = "_cofferdam";

/// The secrets of a vault file.
///
/// A top-level key that is not a valid path is ignored and preserved.
pub(crate) struct Document {
    secrets: BTreeMap<SecretPath, Entry>,
    /// The line of the first syntax error. It may hide a secret.
    syntax_error: Option<usize>,
}

/// The entry at a path.
pub(crate) enum Entry {
    Secret {
        fields: SecretFields,
        version: Version,
        /// A field that is not among them because it cannot be used.
        unusable: Option<Defect>,
    },
    /// Something that is not a secret.
    Invalid(Defect),
}

/// What is wrong with a secret or a field, and on which line.
#[derive(Clone, Copy)]
pub(crate) struct Defect {
    line: usize,
    why: &'static str,
}

impl Defect {
    fn error(self, at: &SecretPath) -> VaultError {
        let Self { line, why } = self;
        let message = format!(
            "the secret {at} is invalid: {why} on line {line} of the plaintext; fix it with `age -d`, an editor and `age -e`"
        );
        VaultError::secret(ErrorKind::Malformed, message)
    }
}

impl Document {
    /// Parses `plaintext`, the decrypted content of the file at `path` whose encrypted bytes have the digest `file`.
    ///
    /// A line with a syntax error makes the secret invalid that it is in, and leaves the others usable.
    ///
    /// # Errors
    ///
    /// `Malformed` (vault) if there is a syntax error, and no secret without one.
    pub(crate) fn parse(path: &Path, plaintext: &str, file: &FileDigest) -> Result<Self, VaultError> {
        let mut masked: Option<Zeroizing<String>> = None;
        let mut errors = Vec::new();
        loop {
            let text = masked.as_deref().map_or(plaintext, String::as_str);
            let offset = match DeTable::parse(text) {
                Ok(table) => return Self::from_table(path, table.into_inner(), plaintext, &errors, file),
                Err(error) => error.span().map_or(0, |span| span.start).min(text.len()),
            };
            let line = line_at(text, offset);
            errors.push(SyntaxError { offset, line: line.clone() });
            if errors.len() > MAX_SYNTAX_ERRORS || text[line.clone()].trim().is_empty() {
                return Err(not_toml(path, plaintext, first_of(&errors)));
            }
            masked = Some(mask(text, line));
        }
    }

    /// The secrets in `table`, which was parsed without the lines that have `errors`.
    fn from_table(
        path: &Path,
        table: DeTable<'_>,
        plaintext: &str,
        errors: &[SyntaxError],
        file: &FileDigest,
    ) -> Result<Self, VaultError> {
        let broken = broken_tables(&table, plaintext, errors);
        let salts = salts(&table);
        let mut secrets = BTreeMap::new();
        for (key, value) in table {
            let Ok(at) = key.get_ref().parse::<SecretPath>() else { continue };
            let fields = match broken.get(&**key.get_ref()) {
                Some(&offset) => {
                    Err(Defect { line: line_of(plaintext, offset), why: "it has a syntax error" })
                }
                None => parse_fields(value.into_inner(), plaintext, key.span()),
            };
            let entry = match fields {
                Ok((fields, unusable)) => {
                    let version = version(&at, &fields, salts.get(at.as_str()), file);
                    Entry::Secret { fields, version, unusable }
                }
                Err(defect) => Entry::Invalid(defect),
            };
            secrets.insert(at, entry);
        }
        let first = first_of(errors);
        if first.is_some() && !secrets.values().any(|entry| matches!(entry, Entry::Secret { .. })) {
            return Err(not_toml(path, plaintext, first));
        }
        Ok(Self { secrets, syntax_error: first.map(|first| line_of(plaintext, first.start)) })
    }

    /// The paths of all secrets, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &SecretPath> {
        self.secrets.keys()
    }

    /// The secret at `at` with the fields `names`, or with all of them if `names` is empty. A field that cannot be used
    /// concerns the others only if all are read: whoever writes them back would lose it.
    pub(crate) fn read(&self, at: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        let not_found = |message: String| Err(VaultError::secret(ErrorKind::NotFound, message));
        match self.secrets.get(at) {
            None => match self.syntax_error {
                None => not_found(format!("this vault has no secret {at}; `cofferdam secret set` writes it")),
                Some(line) => Err(VaultError::secret(
                    ErrorKind::Malformed,
                    format!(
                        "the secret {at} cannot be found, because the plaintext has a syntax error on line {line}; fix it \
                         with `age -d`, an editor and `age -e`"
                    ),
                )),
            },
            Some(Entry::Invalid(defect)) => Err(defect.error(at)),
            Some(Entry::Secret { unusable: Some(defect), .. }) if names.is_empty() => Err(defect.error(at)),
            Some(Entry::Secret { fields, version, unusable }) => {
                let mut found = if names.is_empty() { fields.clone() } else { SecretFields::new() };
                for name in names {
                    let Some(value) = fields.get(name) else {
                        return match unusable {
                            // It may be the one.
                            Some(defect) => Err(defect.error(at)),
                            None => not_found(format!(
                                "the secret {at} has no field `{name}`; `cofferdam secret set` writes it"
                            )),
                        };
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

    /// The version of the secret at `at`; `None` if it is absent, or if a part of it is invalid: a version does not tell that
    /// part from another.
    pub(crate) fn version(&self, at: &SecretPath) -> Option<&Version> {
        match self.secrets.get(at)? {
            Entry::Secret { version, unusable: None, .. } => Some(version),
            Entry::Secret { .. } | Entry::Invalid(_) => None,
        }
    }

    /// Whether the secret at `at` has exactly `fields`, or is absent if they are `None`.
    pub(crate) fn holds(&self, at: &SecretPath, fields: Option<&SecretFields>) -> bool {
        match (self.secrets.get(at), fields) {
            (None, None) => true,
            (Some(Entry::Secret { fields: actual, unusable: None, .. }), Some(expected)) => {
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

/// The maximum number of lines with syntax errors. Each takes another pass over the plaintext.
const MAX_SYNTAX_ERRORS: usize = 20;

/// A syntax error: where it is, and the line that is left out because of it.
struct SyntaxError {
    offset: usize,
    line: Range<usize>,
}

fn first_of(errors: &[SyntaxError]) -> Option<Range<usize>> {
    errors.iter().map(|error| error.offset).min().map(|first| first..first)
}

/// The line at `offset`, without its line break.
fn line_at(text: &str, offset: usize) -> Range<usize> {
    let (before, after) = text.as_bytes().split_at(offset);
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let end = after.iter().position(|&byte| byte == b'\n').map_or(text.len(), |at| offset + at);
    start..end
}

/// `text` with spaces in place of `line`, so that everything else stays where it is.
fn mask(text: &str, line: Range<usize>) -> Zeroizing<String> {
    let mut masked = Zeroizing::new(String::with_capacity(text.len()));
    masked.push_str(&text[..line.start]);
    masked.extend(std::iter::repeat_n(' ', line.len()));
    masked.push_str(&text[line.end..]);
    masked
}

/// The top-level keys that have a syntax error in their lines, with its offset.
///
/// A line belongs to the last header before it, and to the string that goes on over it. A header that is left out makes the
/// table before it invalid too, since the fields that follow are then in that one.
fn broken_tables(table: &DeTable<'_>, plaintext: &str, errors: &[SyntaxError]) -> BTreeMap<String, usize> {
    let is_header =
        |start: usize| plaintext.get(..start).is_some_and(|before| before.trim_end().ends_with('['));
    let mut headers: Vec<(usize, &str)> = Vec::new();
    let mut values: Vec<(Range<usize>, &str)> = Vec::new();
    for (key, value) in table {
        let (start, name) = (key.span().start, &**key.get_ref());
        if is_header(start) {
            headers.push((start, name));
        }
        values.push((value.span(), name));
        if let DeValue::Table(fields) = value.get_ref() {
            values.extend(fields.values().map(|field| (field.span(), name)));
        }
    }
    headers.sort_unstable();
    let mut broken = BTreeMap::new();
    let mut add = |name: &str, offset: usize| {
        broken.entry(name.to_owned()).or_insert(offset);
    };
    for SyntaxError { offset, line } in errors {
        let before = headers.partition_point(|(start, _)| start <= offset);
        if let Some((_, name)) = headers[..before].last() {
            add(name, *offset);
        }
        for (_, name) in values.iter().filter(|(span, _)| span.start < line.end && line.start < span.end) {
            add(name, *offset);
        }
        let text = plaintext[line.clone()].trim_start();
        if let Some(own) =
            Some(text).filter(|text| text.starts_with('[')).and_then(|text| DeTable::parse(text).ok())
        {
            // A second table of that name.
            own.get_ref().keys().for_each(|key| add(key.get_ref(), *offset));
        }
    }
    broken
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

/// The fields of a secret, and the first one that cannot be used; an error if it has no fields.
fn parse_fields(
    value: DeValue<'_>,
    plaintext: &str,
    key: Range<usize>,
) -> Result<(SecretFields, Option<Defect>), Defect> {
    let DeValue::Table(table) = value else {
        return Err(Defect { line: line_of(plaintext, key.start), why: "it is not a table of fields" });
    };
    let mut fields = SecretFields::new();
    let mut unusable: Option<Defect> = None;
    for (name, value) in table {
        let why = match (name.get_ref().parse::<FieldName>(), value.into_inner()) {
            (Ok(field), DeValue::String(text)) => {
                fields.insert(field, SecretString::from(&*text));
                // A value with escapes was unescaped into a buffer of its own.
                if let std::borrow::Cow::Owned(mut text) = text {
                    text.zeroize();
                }
                continue;
            }
            (Ok(_), _) => "a field's value is not a string",
            (Err(_), _) => "a field's name is invalid",
        };
        unusable.get_or_insert(Defect { line: line_of(plaintext, name.span().start), why });
    }
    Ok((fields, unusable))
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
        assert_eq!(token(&document, "a/name").unwrap(), "x", "another field of it is invalid");
        let all = document.read(&"a/name".parse().unwrap(), &[]).unwrap_err();
        assert!(all.message().contains("line 7 "), "{all}");
        assert_eq!(
            document.version(&"a/name".parse().unwrap()),
            None,
            "it can be replaced, but not by its version"
        );
        for (path, line) in [("a/number", 4), ("a/list", 8)] {
            let error = token(&document, path).unwrap_err();
            assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Malformed, false), "{path}");
            assert!(error.message().contains(&format!("line {line} ")), "{error}");
            assert!(!error.message().contains("5551234"), "{error}");
        }
        assert_eq!(document.paths().count(), 4);
    }

    #[test]
    fn a_syntax_error_makes_its_own_secret_invalid_and_no_other() {
        for bad in [
            "token = \"canary-7c1\n",
            "token = \"canary\\ud83d\"\n",
            "token = canary\n",
            "token = \"canary\"\ntoken = \"canary\"\n",
            "token = \"canary\" canary\n",
            "canary\ntoken = \"canary\"\n",
            "token = \"can\u{1}ary\"\n",
            "= \"canary\"\n",
            "token = \n",
            "token = \'canary\n",
            "[\"a/bad\"]\ntoken = \"canary\"\n",
        ] {
            let text = format!("[\"a/one\"]\ntoken = \"1\"\n[\"a/bad\"]\n{bad}[\"a/two\"]\ntoken = \"2\"\n");
            let document = parse(&text).unwrap();
            assert_eq!(token(&document, "a/one").unwrap(), "1", "{bad}");
            assert_eq!(token(&document, "a/two").unwrap(), "2", "{bad}");
            let error = token(&document, "a/bad").unwrap_err();
            assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Malformed, false), "{bad}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            let error = token(&document, "a/absent").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "the error may hide it: {bad}");
        }
    }

    #[test]
    fn an_error_outside_of_tables_concerns_no_other_secret() {
        let text = "\"a/one\" = { token = \"1\" }\n\"a/bad\" = { token = canary }\n\"a/two\".token = \"2\"\n";
        let document = parse(text).unwrap();
        assert_eq!(
            (token(&document, "a/one").unwrap(), token(&document, "a/two").unwrap()),
            ("1".into(), "2".into())
        );
        assert_eq!(token(&document, "a/bad").unwrap_err().kind(), ErrorKind::Malformed);
    }

    /// The line that is left out is one of the value.
    #[test]
    fn a_string_of_several_lines_is_never_shortened() {
        for key in ["[\"a/bad\"]\ntoken", "\"a/bad\".token"] {
            let text = format!("\"a/one\" = {{ token = \"1\" }}\n{key} = \"\"\"\nx\ncanary \\q\ny\"\"\"\n");
            let document = parse(&text).unwrap();
            assert_eq!(token(&document, "a/one").unwrap(), "1");
            assert_eq!(token(&document, "a/bad").unwrap_err().kind(), ErrorKind::Malformed, "{key}");
        }
    }

    #[test]
    fn many_errors_are_one_of_the_whole_file() {
        let text =
            format!("[\"a/one\"]\ntoken = \"1\"\n[other]\n{}", "canary\n".repeat(MAX_SYNTAX_ERRORS + 1));
        let error = parse(&text).err().unwrap();
        assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Malformed, true));
        assert!(error.message().contains("line 4"), "{error}");
    }

    /// The parser adds what follows a broken header to the table before.
    #[test]
    fn no_secret_gets_the_fields_of_a_broken_one() {
        let text = "[\"a/one\"]\ntoken = \"1\"\n[\"a/two\"]\nuser = \"2\"\n[\"a/three]\ntoken = \"3\"\n";
        let document = parse(text).unwrap();
        assert_eq!(token(&document, "a/one").unwrap(), "1");
        for path in ["a/two", "a/three"] {
            assert_eq!(token(&document, path).unwrap_err().kind(), ErrorKind::Malformed, "{path}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_plaintext() {
        assert_eq!(token(&parse("\u{feff}[\"a/b\"]\ntoken = \"t\"\n").unwrap(), "a/b").unwrap(), "t");
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
