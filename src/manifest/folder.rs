//! Reads a folder of manifests, on all processors.

use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use cofferdam_config::document::SourceText;
use cofferdam_config::{Diagnostic, Location, Origin, Text, text};
use cofferdam_vault::files::{FileError, RegularFile};

use super::check::Manifest;
use super::error::ManifestError;

/// The maximum size of a manifest, in bytes. GitHub's has 43 KiB.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// The maximum number of files that are read from the folder.
const MAX_FILES: usize = 10_000;

/// The minimum number of files for a further thread.
const MIN_FILES_PER_THREAD: usize = 32;

/// The manifests of a folder, in the order of the files' names.
pub(super) struct Folder {
    /// Each file with its manifest.
    pub(super) manifests: Vec<(PathBuf, Result<Manifest, ManifestError>)>,
    /// What is wrong with the folder itself.
    pub(super) error: Option<Diagnostic>,
}

impl Folder {
    /// Reads and checks every `*.toml` directly in `folder`. Blocks on files.
    pub(super) fn read(folder: &Path) -> Self {
        let mut files = match toml_files(folder) {
            Ok(files) => files,
            Err(error) => {
                let message = text!("cannot read this folder of manifests: {error}");
                let help = "create it, or remove `modules_dir` from the profile";
                return Self { manifests: Vec::new(), error: Some(Diagnostic::error("", message, help)) };
            }
        };
        let error = (files.len() > MAX_FILES).then(|| {
            let message =
                text!("this folder has {} manifests, of which the first {MAX_FILES} were read", files.len());
            Diagnostic::error("", message, "move the manifests away that no module uses")
        });
        files.truncate(MAX_FILES);
        let checked = check_all(&files);
        Self { manifests: files.into_iter().zip(checked).collect(), error }
    }
}

/// The files of `folder` that end in `.toml`, sorted. Hidden files belong to editors and are ignored.
fn toml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads and checks `files` on all processors, and returns the results in their order. With a thousand files this is most
/// of the time of a startup.
fn check_all(files: &[PathBuf]) -> Vec<Result<Manifest, ManifestError>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = files.len().div_ceil(threads).max(MIN_FILES_PER_THREAD);
    thread::scope(|scope| {
        let (mine, others) = files.split_at(share.min(files.len()));
        let spawn = |share| (share, thread::Builder::new().spawn_scoped(scope, move || check_each(share)));
        let others: Vec<_> = others.chunks(share).map(spawn).collect();
        let mut checked = check_each(mine);
        for (share, spawned) in others {
            checked.extend(match spawned.map(ScopedJoinHandle::join) {
                Ok(Ok(of_share)) => of_share,
                Ok(Err(panic)) => resume_unwind(panic),
                // No thread could be started: this one takes over.
                Err(_) => check_each(share),
            });
        }
        checked
    })
}

fn check_each(files: &[PathBuf]) -> Vec<Result<Manifest, ManifestError>> {
    files.iter().map(|path| check(path)).collect()
}

fn check(path: &Path) -> Result<Manifest, ManifestError> {
    let text = read(path)
        .map_err(|error| ManifestError { name: None, diagnostics: error.at(Location::file(path)).into() })?;
    Manifest::parse(&SourceText::new(Origin::File(path.to_owned()), text))
}

/// The text of a manifest's file.
fn read(path: &Path) -> Result<String, Diagnostic> {
    let error = |message: Text, help: &'static str| Diagnostic::error("", message, help);
    let mut content = RegularFile::open(path).and_then(|mut file| file.read(MAX_FILE_BYTES)).map_err(
        |found| match found {
            FileError::Io(found) => {
                error(text!("cannot be read: {found}"), "correct its permissions, or move it away")
            }
            FileError::NotRegular => {
                error("is not a regular file".into(), "replace it with a file, or move it away")
            }
            FileError::TooLarge { .. } => {
                error(text!("is larger than {} KiB", MAX_FILE_BYTES / 1024), "split it into several modules")
            }
        },
    )?;
    String::from_utf8(std::mem::take(&mut *content))
        .map_err(|_| error("is not valid UTF-8".into(), "save it as UTF-8"))
}
