//! The plaintext as it is changed: one secret, and everything that a person wrote around it stays.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use cofferdam_vault::{ExposeSecret, FieldName, SecretFields, SecretPath, SecretString, VaultError};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};
use zeroize::Zeroizing;

use crate::document::{RESERVED, not_toml};
use crate::error::{Cause, vault_error};
use crate::version::Salt;

/// What a person who decrypts the file reads above the salts.
const EXPLANATION: &str =
    "\n# Kept by cofferdam, to tell one state of a secret from another. Leave it as it is.\n";

/// The plaintext of the file at `file` with the secret at `at` replaced by `fields`, or deleted where they are `None`.
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
    renew_salts(&mut document, at).map_err(|error| vault_error(file, Cause::Random(error)))?;
    let mut edited = Zeroizing::new(String::with_capacity(room(plaintext, document.len(), at, fields)));
    // Writing to a String cannot fail.
    let _ = write!(edited, "{document}");
    Ok(edited)
}

/// The most bytes that an edited plaintext with `tables` tables takes: its buffer must not move and leave a copy behind.
fn room(plaintext: &str, tables: usize, at: &SecretPath, fields: Option<&SecretFields>) -> usize {
    // Every byte as an escape of six, with quotes and `=`.
    let added = |(name, text): (&FieldName, &SecretString)| {
        6 * (name.as_str().len() + text.expose_secret().len()) + 16
    };
    // A path may be long, and stands once more beside its salt; the one that is added stands twice.
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
    let gone: Vec<String> = table
        .iter()
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.parse::<FieldName>().is_ok_and(|name| fields.contains_key(&name)))
        .collect();
    for name in gone {
        table.remove(&name);
    }
    for (name, text) in fields {
        let text = text.expose_secret();
        match table.get_mut(name.as_str()) {
            Some(Item::Value(old)) => {
                // The comment behind a value stays.
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

/// Gives a new salt to `changed`, and one to each secret that has none; drops those whose secret is gone.
fn renew_salts(document: &mut DocumentMut, changed: &SecretPath) -> Result<(), getrandom::Error> {
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
    let gone: Vec<String> =
        salts.iter().map(|(key, _)| key.to_owned()).filter(|key| !paths.contains(key)).collect();
    for key in gone {
        salts.remove(&key);
    }
    for path in paths {
        let has_one = salts.get(&path).and_then(Item::as_str).and_then(Salt::from_hex).is_some();
        if path == changed.as_str() || !has_one {
            salts.insert(&path, value(Salt::random()?.to_hex()));
        }
    }
    // Behind every secret, this new one included.
    salts.set_position(Some(isize::MAX));
    document.insert(RESERVED, Item::Table(salts));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use cofferdam_vault::testkit::{fields, path};

    fn put_into(plaintext: &str, at: &str, wanted: &SecretFields) -> String {
        let file = Path::new("v.age");
        let edited = edit(file, plaintext, &path(at), Some(wanted)).unwrap();
        assert!(
            Document::parse(file, &edited, &[0; 32]).unwrap().holds(&path(at), Some(wanted)),
            "{}",
            *edited
        );
        edited.to_string()
    }

    #[test]
    fn every_text_survives_in_every_kind_of_table() {
        let texts = [
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
            for text in texts {
                put_into(before, "a/b", &fields([("x", text), ("odd.name", text)]));
            }
        }
    }

    #[test]
    fn the_buffer_is_never_moved_while_it_is_filled() {
        let wanted = fields([("x", &*"\u{1}".repeat(10_000)), ("y", &*"\"".repeat(10_000))]);
        let file = Path::new("v.age");
        let neighbours: String = (0..50).map(|n| format!("[\"a/{}{n}\"]\n", "long".repeat(14))).collect();
        let long = path("a/b/".repeat(500).trim_end_matches('/'));
        for (before, at) in [("", path("a/b")), (&neighbours, path("a/b")), ("", long)] {
            let edited = edit(file, before, &at, Some(&wanted)).unwrap();
            assert!(edited.len() <= room(before, before.matches('[').count() + 2, &at, Some(&wanted)));
        }
    }

    #[test]
    fn a_salts_table_that_was_broken_by_hand_is_made_anew() {
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
