//! Reads a folder of manifests, on all processors.

use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use cofferdam_vault::files::{FileError, RegularFile};

use super::check::Manifest;
use super::problem::{ManifestError, ManifestProblem};

/// How large a manifest may be, in bytes. GitHub's is 43 KiB.
const FILE_MAX: usize = 1024 * 1024;

/// How many files the folder may hold that are read.
const FILES_MAX: usize = 10_000;

/// How many files are not worth a thread of their own.
const FEW: usize = 32;

/// The manifests of a folder, in the order of their files' names.
pub(super) struct Folder {
    /// Each file with its manifest.
    pub(super) manifests: Vec<(PathBuf, Result<Manifest, ManifestError>)>,
    /// What is wrong with the folder itself.
    pub(super) problem: Option<ManifestProblem>,
}

impl Folder {
    /// Reads and checks every `*.toml` directly in `folder`. Blocks on files.
    pub(super) fn read(folder: &Path) -> Self {
        let mut files = match toml_files(folder) {
            Ok(files) => files,
            Err(error) => {
                let message = format!("this folder of manifests cannot be read: {error}");
                let remedy = "create it, or take `modules_dir` out of the profile";
                return Self {
                    manifests: Vec::new(),
                    problem: Some(ManifestProblem::whole(message, remedy)),
                };
            }
        };
        let problem = (files.len() > FILES_MAX).then(|| {
            let message =
                format!("this folder holds {} manifests, and the first {FILES_MAX} were read", files.len());
            ManifestProblem::whole(message, "move those away that no module uses")
        });
        files.truncate(FILES_MAX);
        let checked = check_all(&files);
        Self { manifests: files.into_iter().zip(checked).collect(), problem }
    }
}

/// The files of `folder` that end in `.toml`, sorted; hidden ones are an editor's business.
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

/// Reads and checks `files` on all processors; answers in their order. A thousand take most of the time of a start.
fn check_all(files: &[PathBuf]) -> Vec<Result<Manifest, ManifestError>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = files.len().div_ceil(threads).max(FEW);
    thread::scope(|scope| {
        let (mine, others) = files.split_at(share.min(files.len()));
        let spawn = |share| (share, thread::Builder::new().spawn_scoped(scope, move || check_each(share)));
        let others: Vec<_> = others.chunks(share).map(spawn).collect();
        let mut checked = check_each(mine);
        for (share, spawned) in others {
            checked.extend(match spawned.map(ScopedJoinHandle::join) {
                Ok(Ok(of_share)) => of_share,
                Ok(Err(panic)) => resume_unwind(panic),
                // No thread is to be had: it only takes longer.
                Err(_) => check_each(share),
            });
        }
        checked
    })
}

fn check_each(files: &[PathBuf]) -> Vec<Result<Manifest, ManifestError>> {
    let refused = |problem| ManifestError { name: None, problems: vec![problem] };
    files.iter().map(|path| read(path).map_err(refused).and_then(|text| Manifest::parse(&text))).collect()
}

/// The text of a manifest's file.
fn read(path: &Path) -> Result<String, ManifestProblem> {
    let mut content =
        RegularFile::open(path).and_then(|mut file| file.read(FILE_MAX)).map_err(|error| match error {
            FileError::Io(error) => ManifestProblem::whole(
                format!("cannot be read: {error}"),
                "mend its permissions, or move it away",
            ),
            FileError::NotRegular => {
                ManifestProblem::whole("is not a regular file", "put a file there, or move it away")
            }
            FileError::TooLarge { .. } => ManifestProblem::whole(
                format!("is larger than {} KiB", FILE_MAX / 1024),
                "split it into several modules",
            ),
        })?;
    String::from_utf8(std::mem::take(&mut *content))
        .map_err(|_| ManifestProblem::whole("is not valid UTF-8", "save it as UTF-8, as TOML wants it"))
}
