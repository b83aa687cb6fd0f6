//! The plaintext as it is changed: one secret, and everything that a person wrote around it stays.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use cofferdam_vault::{ExposeSecret, FieldName, SecretFields, SecretPath, VaultError};
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
    // Room for every byte as an escape of six, so that the buffer does not move and leave a copy behind.
    let added: usize = fields
        .into_iter()
        .flatten()
        .map(|(name, text)| name.as_str().len() + text.expose_secret().len() + 16)
        .sum();
    let mut edited =
        Zeroizing::new(String::with_capacity(plaintext.len() + 6 * added + 128 * (document.len() + 8)));
    // Writing to a String cannot fail.
    let _ = write!(edited, "{document}");
    Ok(edited)
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
    if document.get_mut(RESERVED).and_then(Item::as_table_like_mut).is_none() {
        document.remove(RESERVED);
        let mut table = Table::new();
        table.decor_mut().set_prefix(EXPLANATION);
        // Behind every secret, those that are yet to come included.
        table.set_position(Some(isize::MAX));
        document.insert(RESERVED, Item::Table(table));
    }
    let Some(salts) = document.get_mut(RESERVED).and_then(Item::as_table_like_mut) else { return Ok(()) };
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
    Ok(())
}
