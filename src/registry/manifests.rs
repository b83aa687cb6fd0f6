//! All manifests that this process knows: the catalogue's, and those of the profile's folder.
//!
//! A manifest in the folder goes before one of the same name in the catalogue: a site may narrow or mend what ships.
//! That holds for a broken one too. Its module is then down and says why; falling back to the shipped one in silence
//! would hand out tools that the site meant to take away.

use std::collections::HashMap;
use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use cofferdam_vault::FieldName;
use cofferdam_vault::files::{FileError, RegularFile};

use super::manifest::{BrokenManifest, Manifest, ManifestProblem, Refused};
use crate::catalogue;
use crate::names::{listed, nearest};
use crate::profile::ModuleEntry;

/// How large a manifest may be, in bytes. GitHub's is 43 KiB.
const FILE_MAX: usize = 1024 * 1024;

/// How many files the folder may hold that are read.
const FILES_MAX: usize = 10_000;

/// How many files are not worth a thread of their own.
const FEW: usize = 32;

/// How many names are listed for a name that is not known.
const LISTED_MAX: usize = 20;

/// Every manifest, checked; the broken ones with what is wrong with them.
#[derive(Debug, Default)]
pub struct Manifests {
    by_name: HashMap<String, Known>,
    /// Those that no module can name: the file gives no name, or one that an earlier file has.
    nameless: Vec<BrokenManifest>,
}

#[derive(Debug)]
struct Known {
    file: String,
    /// From the folder, not the catalogue.
    of_site: bool,
    state: Result<Arc<Manifest>, Vec<ManifestProblem>>,
}

impl Manifests {
    /// Reads the catalogue and, where there is one, every `*.toml` directly in `modules_dir`, in the order of their
    /// names. Blocks on files. Never fails: what is wrong with a file is reported by [`Registry::broken`].
    ///
    /// [`Registry::broken`]: super::Registry::broken
    pub fn load(modules_dir: Option<&Path>) -> Self {
        let mut all = Self::default();
        for entry in &catalogue::ENTRIES {
            all.add(format!("catalogue/{}", entry.file), false, Manifest::parse(entry.text));
        }
        if let Some(folder) = modules_dir {
            all.add_folder(folder);
        }
        all
    }

    /// The names that a profile's `manifest` may have, sorted; those of broken manifests too, for a bad manifest must
    /// not refuse the profile.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The fields that a secret of the module must have: none where the manifest is broken, `None` where there is none of
    /// that name.
    pub fn credential_fields(&self, name: &str) -> Option<Vec<FieldName>> {
        let known = self.by_name.get(name)?;
        Some(known.state.as_ref().map_or_else(|_| Vec::new(), |manifest| manifest.credential.fields()))
    }

    /// The manifest `name`, or why it cannot be had, as it concerns the module of that name in the profile.
    pub(super) fn get(&self, name: &str, module: &str) -> Result<&Arc<Manifest>, BrokenManifest> {
        let broken =
            |file: String, problems| BrokenManifest { module: Some(module.to_owned()), file, problems };
        match self.by_name.get(name) {
            Some(Known { state: Ok(manifest), .. }) => Ok(manifest),
            Some(Known { state: Err(problems), file, .. }) => Err(broken(file.clone(), problems.clone())),
            None => {
                let names = self.names();
                let remedy = match nearest(name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", listed(names.iter().copied().take(LISTED_MAX))),
                };
                let message = format!("there is no manifest `{}`", name.escape_debug());
                Err(broken(
                    format!("{}.toml", name.escape_debug()),
                    vec![ManifestProblem::whole(message, remedy)],
                ))
            }
        }
    }

    /// A good manifest that cannot serve the module `entry`.
    pub(super) fn refused(&self, entry: &ModuleEntry, problem: ManifestProblem) -> BrokenManifest {
        let file = self.by_name.get(&entry.manifest).map(|known| known.file.clone()).unwrap_or_default();
        BrokenManifest { module: Some(entry.name.clone()), file, problems: vec![problem] }
    }

    /// The broken manifests that no module of `used` names.
    pub(super) fn broken_beside(&self, used: &[&str]) -> Vec<BrokenManifest> {
        let mut broken = self.nameless.clone();
        for (name, known) in &self.by_name {
            if let Err(problems) = &known.state
                && !used.contains(&name.as_str())
            {
                broken.push(BrokenManifest {
                    module: None,
                    file: known.file.clone(),
                    problems: problems.clone(),
                });
            }
        }
        broken.sort_by(|a, b| a.file.cmp(&b.file));
        broken
    }

    fn add_folder(&mut self, folder: &Path) {
        let mut files = match toml_files(folder) {
            Ok(files) => files,
            Err(error) => {
                let message = format!("this folder of manifests cannot be read: {error}");
                self.refuse_folder(folder, message, "create it, or take `modules_dir` out of the profile");
                return;
            }
        };
        if files.len() > FILES_MAX {
            let message =
                format!("this folder holds {} manifests, and the first {FILES_MAX} were read", files.len());
            self.refuse_folder(folder, message, "move those away that no module uses");
            files.truncate(FILES_MAX);
        }
        for (path, checked) in files.iter().zip(check_all(&files)) {
            self.add(path.display().to_string(), true, checked);
        }
    }

    fn refuse_folder(&mut self, folder: &Path, message: String, remedy: &str) {
        let problems = vec![ManifestProblem::whole(message, remedy)];
        self.nameless.push(BrokenManifest { module: None, file: folder.display().to_string(), problems });
    }

    fn add(&mut self, file: String, of_site: bool, checked: Result<Manifest, Refused>) {
        let (name, state) = match checked {
            Ok(manifest) => (manifest.name.clone(), Ok(Arc::new(manifest))),
            Err(Refused { name, problems }) => {
                // A file that cannot even say its name probably has its file's.
                let stem = Path::new(&file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
                let Some(name) = name.or(stem) else {
                    self.nameless.push(BrokenManifest { module: None, file, problems });
                    return;
                };
                (name, Err(problems))
            }
        };
        if let Some(earlier) = self.by_name.get(&name)
            && earlier.of_site == of_site
        {
            let problems = match state {
                // What is wrong with it is worth more than that it would have been one too many.
                Err(problems) => problems,
                Ok(_) => {
                    let message = format!("the manifest `{name}` is already described by {}", earlier.file);
                    vec![ManifestProblem::whole(message, "remove one of the two, or rename it")]
                }
            };
            self.nameless.push(BrokenManifest { module: None, file, problems });
            return;
        }
        self.by_name.insert(name, Known { file, of_site, state });
    }

    /// The catalogue and texts in place of a folder's files.
    #[cfg(test)]
    pub(super) fn of_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all = Self::load(None);
        for (file, text) in texts {
            all.add(file.to_owned(), true, Manifest::parse(text));
        }
        all
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
fn check_all(files: &[PathBuf]) -> Vec<Result<Manifest, Refused>> {
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

fn check_each(files: &[PathBuf]) -> Vec<Result<Manifest, Refused>> {
    let refused = |problem| Refused { name: None, problems: vec![problem] };
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
