//! The folder and its files, read in bounded time and space; blocking, so only on the compartment's threads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cofferdam_vault::files::{FileError, RegularFile, without_last_line_break};
use cofferdam_vault::{ErrorKind, FieldName, SecretPath, SecretString, VaultError};

use crate::error::{Cause, vault_error};
use crate::look::{Generation, Stamp};
use crate::{listing, names};

/// The largest file that is read: what Kubernetes lets a whole Secret be, and twice what Docker does.
const MAX_BYTES: usize = 1024 * 1024;

/// How often a secret that changed while it was read is looked at again, in one attempt.
const LOOKS: usize = 5;

/// The value of a field, with the state of the file that it was read from.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The file as it is named.
    named: PathBuf,
    /// The file itself, behind all links.
    real: PathBuf,
    pub(crate) stamp: Stamp,
    pub(crate) value: SecretString,
}

impl Entry {
    /// Whether its name still leads to the same file in the same state.
    fn is_unchanged(&self) -> bool {
        fs::canonicalize(&self.named).is_ok_and(|real| real == self.real)
            && fs::metadata(&self.real).is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }
}

/// The fields of a secret.
pub(crate) type Entries = BTreeMap<FieldName, Entry>;

/// A folder of secrets that may come, go and change at any time.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether the folder is there and may be entered; answers it without links.
    ///
    /// # Errors
    ///
    /// `Misconfigured` or `Unavailable`, always of the vault.
    pub(crate) fn root(&self) -> Result<PathBuf, VaultError> {
        let failed = |error| vault_error(&self.path, Cause::Folder(error));
        let root = fs::canonicalize(&self.path).map_err(failed)?;
        // To see a folder is another right than to enter it.
        fs::metadata(root.join(".")).map_err(failed)?;
        Ok(root)
    }

    /// The `fields` of the secret at `path`, or all of them where none is named, as they were at one moment.
    ///
    /// # Errors
    ///
    /// As the contract says, with paths and never with content.
    pub(crate) fn read(&self, path: &SecretPath, fields: &[FieldName]) -> Result<Entries, VaultError> {
        self.steadily(Some(path), |root| {
            let entries = self.read_once(root, path, fields);
            let steady = entries.as_ref().map_or(true, |entries| entries.values().all(Entry::is_unchanged));
            steady.then_some(entries)
        })
    }

    /// The folder, as it is named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The files of the secret at `path`, as they are named; none where there is nothing to see, which a read of it tells.
    pub(crate) fn files(&self, path: &SecretPath) -> Vec<PathBuf> {
        let Ok(root) = self.root() else { return Vec::new() };
        let fields = listing::fields(&root, path).unwrap_or_default();
        let places = fields.iter().flat_map(|field| {
            let flat = names::flat(path, field).map(PathBuf::from);
            std::iter::once(names::nested(path, field)).chain(flat)
        });
        places.map(|place| self.path.join(place)).filter(|file| file.is_file()).collect()
    }

    /// The paths of all secrets.
    ///
    /// # Errors
    ///
    /// As [`Folder::read`].
    pub(crate) fn list(&self) -> Result<BTreeSet<SecretPath>, VaultError> {
        self.steadily(None, |root| Some(listing::secrets(root)))
    }

    /// What `look` sees with nothing swapped meanwhile. It answers `None` where it saw a change itself.
    fn steadily<T>(
        &self,
        path: Option<&SecretPath>,
        look: impl Fn(&Path) -> Option<Result<T, VaultError>>,
    ) -> Result<T, VaultError> {
        for _ in 0..LOOKS {
            let root = self.root()?;
            let before = Generation::of(&root, path);
            let seen = look(&root);
            if let Some(answer) = seen
                && self.root().is_ok_and(|root| Generation::of(&root, path) == before)
            {
                return answer;
            }
        }
        Err(vault_error(&self.path, Cause::Unsteady))
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

    /// A field's value; `None` where there is no file for it, or an empty one.
    fn entry(&self, root: &Path, path: &SecretPath, field: &FieldName) -> Result<Option<Entry>, VaultError> {
        let nested = self.path.join(names::nested(path, field));
        let flat = names::flat(path, field).map(|name| self.path.join(name));
        let real_nested = real(root, &nested)?;
        let real_flat = flat.as_deref().map(|flat| real(root, flat)).transpose()?.flatten();
        match (real_nested, flat.zip(real_flat)) {
            (Some(_), Some((flat, _))) => {
                let (nested, flat) = (nested.display(), flat.display());
                let message = format!("both {nested} and {flat} are there; remove the one that is not meant");
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
            format!("{} has no {files}, or there is nothing in it; put the value there", self.path.display());
        VaultError::secret(ErrorKind::NotFound, message)
    }
}

/// The file that `named` leads to, below the folder `root`; `None` where there is none.
fn real(root: &Path, named: &Path) -> Result<Option<PathBuf>, VaultError> {
    match fs::canonicalize(named) {
        Ok(real) if real.starts_with(root) => Ok(Some(real)),
        Ok(_) => Err(vault_error(named, Cause::Outside)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(vault_error(named, Cause::Entry(error.into()))),
    }
}

/// Whether nothing can be there: a part of the path is missing, is a file, or is longer than a name can be.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

fn read_file(named: PathBuf, real: PathBuf) -> Result<Option<Entry>, VaultError> {
    let mut file = match RegularFile::open(&real) {
        Ok(file) => file,
        // It went away a moment ago.
        Err(FileError::Io(error)) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(vault_error(&named, Cause::Entry(error))),
    };
    let stamp = Stamp::of(file.metadata());
    let content = file.read(MAX_BYTES).map_err(|error| vault_error(&named, Cause::Entry(error)))?;
    if content.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(&content).map_err(|_| vault_error(&named, Cause::NotText))?;
    Ok(Some(Entry { named, real, stamp, value: without_last_line_break(text).into() }))
}
