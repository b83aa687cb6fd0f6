//! Reads the folder and its files in bounded time and space. Blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_vault::files::{FileError, RegularFile, sole_value};
use cofferdam_vault::{ErrorKind, FieldName, SecretPath, SecretString, VaultError};

use crate::error::{Cause, is_absent, vault_error};
use crate::snapshot::{Fingerprint, Snapshot};
use crate::{listing, names};

/// Maximum size of a file: the limit of a whole Secret in Kubernetes, and twice the limit of Docker.
const MAX_BYTES: usize = 1024 * 1024;

/// Maximum number of reads in one attempt, if the secret changes meanwhile.
const MAX_READS: usize = 5;

/// The value of a field, and the state of the file that it was read from.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The path of the file, with links.
    named: PathBuf,
    /// The path without links.
    real: PathBuf,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) value: SecretString,
}

impl Entry {
    /// Whether the path still leads to the same file in the same state.
    fn is_unchanged(&self) -> bool {
        fs::canonicalize(&self.named).is_ok_and(|real| real == self.real)
            && fs::metadata(&self.real)
                .is_ok_and(|metadata| Fingerprint::from_metadata(&metadata) == self.fingerprint)
    }
}

/// The fields of a secret.
pub(crate) type Entries = BTreeMap<FieldName, Entry>;

/// A folder of secrets, which may appear, disappear and change at any time.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The folder's path without links, if it exists and this user may enter it.
    ///
    /// # Errors
    ///
    /// `Misconfigured` or `Unavailable`, with scope vault.
    pub(crate) fn root(&self) -> Result<PathBuf, VaultError> {
        let failed = |error| vault_error(&self.path, Cause::Folder(error));
        let root = fs::canonicalize(&self.path).map_err(failed)?;
        // Entering a folder takes another permission than finding it.
        fs::metadata(root.join(".")).map_err(failed)?;
        Ok(root)
    }

    /// Reads `fields` of the secret at `path`, or all of them if `fields` is empty, in a consistent state.
    ///
    /// # Errors
    ///
    /// Those of [`Vault::read`](cofferdam_vault::Vault::read). The message names paths, never content.
    pub(crate) fn read(&self, path: &SecretPath, fields: &[FieldName]) -> Result<Entries, VaultError> {
        self.read_consistently(Some(path), |root| {
            let entries = self.read_once(root, path, fields);
            let unchanged =
                entries.as_ref().map_or(true, |entries| entries.values().all(Entry::is_unchanged));
            unchanged.then_some(entries)
        })
    }

    /// The folder's path, with links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The files of the secret at `path`, with links. Empty if there are none, which a read reports.
    pub(crate) fn files(&self, path: &SecretPath) -> Vec<PathBuf> {
        let Ok(root) = self.root() else { return Vec::new() };
        let fields = listing::fields(&root, path).unwrap_or_default();
        let paths = fields.iter().flat_map(|field| {
            let flat = names::flat(path, field).map(PathBuf::from);
            std::iter::once(names::nested(path, field)).chain(flat)
        });
        paths.map(|file| self.path.join(file)).filter(|file| file.is_file()).collect()
    }

    /// The paths of all secrets.
    ///
    /// # Errors
    ///
    /// As [`Folder::read`].
    pub(crate) fn list(&self) -> Result<BTreeSet<SecretPath>, VaultError> {
        self.read_consistently(None, |root| Some(listing::secrets(root)))
    }

    /// Calls `read` until nothing is swapped during the call. `read` returns `None` if it detects a change itself.
    fn read_consistently<T>(
        &self,
        path: Option<&SecretPath>,
        read: impl Fn(&Path) -> Option<Result<T, VaultError>>,
    ) -> Result<T, VaultError> {
        for _ in 0..MAX_READS {
            let root = self.root()?;
            let before = Snapshot::take(&root, path);
            if let Some(result) = read(&root)
                && self.root().is_ok_and(|root| Snapshot::take(&root, path) == before)
            {
                return result;
            }
        }
        Err(vault_error(&self.path, Cause::Changing))
    }

    fn read_once(&self, root: &Path, path: &SecretPath, fields: &[FieldName]) -> Result<Entries, VaultError> {
        let fields = match fields {
            [] => listing::fields(root, path)?,
            named => named.iter().cloned().collect(),
        };
        let mut entries = Entries::new();
        let mut missing = Vec::new();
        for field in fields {
            match self.entry(root, path, &field)? {
                Some(entry) => drop(entries.insert(field, entry)),
                None => missing.push(field),
            }
        }
        if !missing.is_empty() || entries.is_empty() {
            return Err(self.absent(path, &missing));
        }
        Ok(entries)
    }

    /// The value of a field; `None` if it has no file, or an empty one.
    fn entry(&self, root: &Path, path: &SecretPath, field: &FieldName) -> Result<Option<Entry>, VaultError> {
        let nested = self.path.join(names::nested(path, field));
        let flat = names::flat(path, field).map(|name| self.path.join(name));
        let real_nested = real(root, &nested)?;
        let real_flat = flat.as_deref().map(|flat| real(root, flat)).transpose()?.flatten();
        match (real_nested, flat.zip(real_flat)) {
            (Some(_), Some((flat, _))) => {
                let (nested, flat) = (nested.display(), flat.display());
                let message = format!("both {nested} and {flat} exist; remove the wrong one");
                Err(VaultError::secret(ErrorKind::Malformed, message))
            }
            (Some(real), None) => read_file(nested, real),
            (None, Some((flat, real))) => read_file(flat, real),
            (None, None) => Ok(None),
        }
    }

    fn absent(&self, path: &SecretPath, missing: &[FieldName]) -> VaultError {
        let files = missing.iter().map(|field| match names::flat(path, field) {
            Some(flat) => format!("{path}/{field} or {flat}"),
            None => format!("{path}/{field}"),
        });
        let files = match missing {
            [] => format!("files for {path}"),
            _ => files.collect::<Vec<_>>().join(", "),
        };
        let message =
            format!("{} has no {files}, or an empty one; write the value there", self.path.display());
        VaultError::secret(ErrorKind::NotFound, message)
    }
}

/// The path of `named` without links, below the folder `root`; `None` if it does not exist.
fn real(root: &Path, named: &Path) -> Result<Option<PathBuf>, VaultError> {
    match fs::canonicalize(named) {
        Ok(real) if real.starts_with(root) => Ok(Some(real)),
        Ok(_) => Err(vault_error(named, Cause::Outside)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(vault_error(named, Cause::Entry(error.into()))),
    }
}

fn read_file(named: PathBuf, real: PathBuf) -> Result<Option<Entry>, VaultError> {
    let mut file = match RegularFile::open(&real) {
        Ok(file) => file,
        // It was removed a moment ago.
        Err(FileError::Io(error)) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(vault_error(&named, Cause::Entry(error))),
    };
    let fingerprint = Fingerprint::from_metadata(file.metadata());
    let content = file.read(MAX_BYTES).map_err(|error| vault_error(&named, Cause::Entry(error)))?;
    if content.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(&content).map_err(|_| vault_error(&named, Cause::NotUtf8))?;
    Ok(Some(Entry { named, real, fingerprint, value: sole_value(text).into() }))
}
