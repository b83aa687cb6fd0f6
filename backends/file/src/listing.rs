//! Lists secrets and their fields.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_vault::{FieldName, SecretPath, VaultError};

use crate::error::{Cause, is_absent, vault_error};
use crate::names;

/// Maximum number of entries: far more than anyone mounts, and still fast.
const MAX_ENTRIES: usize = 100_000;

/// The fields of the secret at `path` below `root`.
///
/// # Errors
///
/// If a folder cannot be read.
pub(crate) fn fields(root: &Path, path: &SecretPath) -> Result<BTreeSet<FieldName>, VaultError> {
    let mut found = BTreeSet::new();
    for (name, entry) in entries(&root.join(names::folder(path)))? {
        if let (Ok(field), false) = (name.parse(), is_folder(&entry)) {
            found.insert(field);
        }
    }
    for (name, _) in entries(root)? {
        found.extend(names::from_flat(&name).filter(|(at, _)| at == path).map(|(_, field)| field));
    }
    Ok(found)
}

/// The paths of all secrets below `root`, a path without links.
///
/// # Errors
///
/// If a folder cannot be read, or contains too many entries.
pub(crate) fn secrets(root: &Path) -> Result<BTreeSet<SecretPath>, VaultError> {
    let mut found = BTreeSet::new();
    let mut folders = vec![(root.to_owned(), None::<SecretPath>)];
    let mut seen = 0;
    while let Some((folder, at)) = folders.pop() {
        for (name, entry) in entries(&folder)? {
            seen += 1;
            if seen > MAX_ENTRIES {
                return Err(vault_error(root, Cause::TooMany(MAX_ENTRIES)));
            }
            if is_folder(&entry) {
                let below = at.as_ref().map_or(name.clone(), |at| format!("{at}/{name}"));
                if let (Ok(below), Some(real)) = (below.parse(), folder_behind(&entry, &folder, root)) {
                    folders.push((real, Some(below)));
                }
                continue;
            }
            // Skips entries that were removed, and dangling links.
            if fs::metadata(&entry).is_err() {
                continue;
            }
            match &at {
                Some(at) if name.parse::<FieldName>().is_ok() => drop(found.insert(at.clone())),
                Some(_) => {}
                None => found.extend(names::from_flat(&name).map(|(path, _)| path)),
            }
        }
    }
    Ok(found)
}

/// The folder below `root` that `entry` of `folder` is or links to. A link to a parent would recurse forever.
fn folder_behind(entry: &Path, folder: &Path, root: &Path) -> Option<PathBuf> {
    fs::canonicalize(entry).ok().filter(|real| real.starts_with(root) && !folder.starts_with(real))
}

fn is_folder(entry: &Path) -> bool {
    fs::metadata(entry).is_ok_and(|metadata| metadata.is_dir())
}

/// The names in `folder` that are UTF-8, with their paths. Empty if there is no folder.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, VaultError> {
    let failed = |error: std::io::Error| vault_error(folder, Cause::Entry(error.into()));
    let mut found = Vec::new();
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry.map_err(failed)?;
                found.extend(entry.file_name().into_string().ok().map(|name| (name, entry.path())));
            }
        }
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(found)
}
