//! Edits the plaintext: changes one secret and preserves everything that a person wrote around it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use cofferdam_vault::{ExposeSecret, FieldName, Salt, SecretFields, SecretPath, SecretString, VaultError};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};
use zeroize::Zeroizing;

use crate::document::{RESERVED, not_toml};

/// The comment above the salts, for a person who decrypts the file.
const EXPLANATION: &str = "\n# Written by cofferdam to detect changes of a secret. Do not edit.\n";

/// The plaintext of the file at `file` with the secret at `at` replaced by `fields`, or deleted if they are `None`.
pub(crate) fn edit(
    file: &Path,
    plaintext: &str,
    at: &SecretPath,
    fields: Option<&SecretFields>,
) -> Result<Zeroizing<String>, VaultError> {
    let mut document: DocumentMut =
        plaintext.parse().map_err(|error: toml_edit::TomlError| not_toml(file, plaintext, error.span()))?;
    match fields {
        Some(fields) => put(&mut document, at, fields),
        None => {
            document.remove(at.as_str());
        }
    }
    renew_salts(&mut document, at)?;
    let mut edited = Zeroizing::new(String::with_capacity(max_bytes(plaintext, document.len(), at, fields)));
    // Writing to a String cannot fail.
    let _ = write!(edited, "{document}");
    Ok(edited)
}

/// Maximum size of an edited plaintext with `tables` tables. A buffer that grows leaves a copy behind.
fn max_bytes(plaintext: &str, tables: usize, at: &SecretPath, fields: Option<&SecretFields>) -> usize {
    // Every byte may become an escape of six, and quotes and `=` are added.
    let added = |(name, text): (&FieldName, &SecretString)| {
        6 * (name.as_str().len() + text.expose_secret().len()) + 16
    };
    // A path may be long, and is repeated with its salt. The added one appears twice.
    let salts = EXPLANATION.len() + plaintext.len() + 2 * at.as_str().len() + 128 * tables;
    plaintext.len() + salts + fields.into_iter().flatten().map(added).sum::<usize>()
}

fn put(document: &mut DocumentMut, at: &SecretPath, fields: &SecretFields) {
    let name = at.as_str();
    if document.get_mut(name).and_then(Item::as_table_like_mut).is_none() {
        document.remove(name);
        let mut table = Table::new();
        if !document.is_empty() {
            table.decor_mut().set_prefix("\n");
        }
        document.insert(name, Item::Table(table));
    }
    if let Some(table) = document.get_mut(name).and_then(Item::as_table_like_mut) {
        put_fields(table, fields);
    }
}

fn put_fields(table: &mut dyn TableLike, fields: &SecretFields) {
    let removed: Vec<String> = table
        .iter()
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.parse::<FieldName>().is_ok_and(|name| fields.contains_key(&name)))
        .collect();
    for name in removed {
        table.remove(&name);
    }
    for (name, text) in fields {
        let text = text.expose_secret();
        match table.get_mut(name.as_str()) {
            Some(Item::Value(old)) => {
                // Preserves the comment after a value.
                let decor = old.decor().clone();
                *old = text.into();
                *old.decor_mut() = decor;
            }
            _ => {
                table.insert(name.as_str(), value(text));
            }
        }
    }
}

/// Sets a new salt for `changed`, adds one for each secret that has none, and removes those of deleted secrets.
fn renew_salts(document: &mut DocumentMut, changed: &SecretPath) -> Result<(), VaultError> {
    let paths: BTreeSet<String> = document
        .iter()
        .map(|(key, _)| key.to_owned())
        .filter(|key| key.parse::<SecretPath>().is_ok())
        .collect();
    let mut salts = match document.remove(RESERVED).map(Item::into_table) {
        Some(Ok(salts)) => salts,
        _ => {
            let mut salts = Table::new();
            salts.decor_mut().set_prefix(EXPLANATION);
            salts
        }
    };
    let removed: Vec<String> =
        salts.iter().map(|(key, _)| key.to_owned()).filter(|key| !paths.contains(key)).collect();
    for key in removed {
        salts.remove(&key);
    }
    for path in paths {
        let has_salt = salts.get(&path).and_then(Item::as_str).and_then(Salt::from_hex).is_some();
        if path == changed.as_str() || !has_salt {
            salts.insert(&path, value(Salt::random()?.to_hex()));
        }
    }
    // After every secret, including the new one.
    salts.set_position(Some(isize::MAX));
    document.insert(RESERVED, Item::Table(salts));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use cofferdam_vault::testkit::{fields, path};

    fn put_into(plaintext: &str, at: &str, fields: &SecretFields) -> String {
        let file = Path::new("v.age");
        let edited = edit(file, plaintext, &path(at), Some(fields)).unwrap();
        assert!(
            Document::parse(file, &edited, &[0; 32]).unwrap().holds(&path(at), Some(fields)),
            "{}",
            *edited
        );
        edited.to_string()
    }

    #[test]
    fn every_string_survives_in_every_form_of_a_table() {
        let strings = [
            "",
            "'",
            "\"\"\"'''",
            "a\nb\r\nc",
            "\r",
            "\\u0041",
            "\0\u{1}\u{7f}\u{85}\u{2028}\u{feff}",
            "\n",
            "𝄞 ü",
            "#",
        ];
        for before in [
            "",
            "[\"a/b\"]\nx = 'old'\n",
            "\"a/b\" = { x = 'old', y = 1 }\n",
            "\"a/b\".x = 'old'\n",
            "\"a/b\" = 7\n",
        ] {
            for text in strings {
                put_into(before, "a/b", &fields([("x", text), ("odd.name", text)]));
            }
        }
    }

    #[test]
    fn the_buffer_never_grows() {
        let new = fields([("x", &*"\u{1}".repeat(10_000)), ("y", &*"\"".repeat(10_000))]);
        let file = Path::new("v.age");
        let neighbours: String = (0..50).map(|n| format!("[\"a/{}{n}\"]\n", "long".repeat(14))).collect();
        let long = path("a/b/".repeat(500).trim_end_matches('/'));
        for (before, at) in [("", path("a/b")), (&neighbours, path("a/b")), ("", long)] {
            let edited = edit(file, before, &at, Some(&new)).unwrap();
            assert!(edited.len() <= max_bytes(before, before.matches('[').count() + 2, &at, Some(&new)));
        }
    }

    #[test]
    fn an_invalid_table_of_salts_is_replaced() {
        for broken in
            ["_cofferdam = 5\n", "[[_cofferdam]]\n", "[_cofferdam]\n\"a/b\" = 5\n\"gone/away\" = \"x\"\n"]
        {
            let edited = put_into(broken, "a/b", &fields([("x", "y")]));
            let document: DocumentMut = edited.parse().unwrap();
            let salts = document[RESERVED].as_table().unwrap();
            assert_eq!(salts.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["a/b"], "{edited}");
            assert!(Salt::from_hex(salts["a/b"].as_str().unwrap()).is_some());
        }
    }
}
