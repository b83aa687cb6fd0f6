//! All manifests that this process knows: the catalogue's, and those of the profile's folder.
//!
//! A manifest in the folder goes before one of the same name in the catalogue: a site may narrow or mend what ships.
//! That holds for a broken one too. Its module is then down and says why; falling back to the shipped one in silence
//! would hand out tools that the site meant to take away.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cofferdam_vault::FieldName;

use super::check::Manifest;
use super::folder::Folder;
use super::problem::{InvalidManifest, ManifestError, ManifestProblem};
use crate::catalogue;
use crate::names::{listed, nearest};

/// How many names are listed for a name that is not known.
const LISTED_MAX: usize = 20;

/// Every manifest, checked; the broken ones with what is wrong with them.
#[derive(Debug, Default)]
pub struct ManifestLibrary {
    by_name: HashMap<String, Known>,
    /// Those that no module can name: the file gives no name, or one that an earlier file has.
    nameless: Vec<InvalidManifest>,
}

#[derive(Debug)]
struct Known {
    file: String,
    /// From the folder, not the catalogue.
    of_site: bool,
    state: Result<Arc<Manifest>, Vec<ManifestProblem>>,
}

impl ManifestLibrary {
    /// Reads the catalogue and, where there is one, every `*.toml` directly in `modules_dir`, in the order of their
    /// names. Blocks on files. Never fails: what is wrong with a file is reported when the file is used.
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

    /// The manifest `name`.
    ///
    /// # Errors
    ///
    /// If there is no such manifest, or it cannot be used.
    pub fn get(&self, name: &str) -> Result<&Arc<Manifest>, InvalidManifest> {
        match self.by_name.get(name) {
            Some(Known { state: Ok(manifest), .. }) => Ok(manifest),
            Some(Known { state: Err(problems), file, .. }) => {
                Err(InvalidManifest { file: file.clone(), problems: problems.clone() })
            }
            None => {
                let names = self.names();
                let remedy = match nearest(name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", listed(names.iter().copied().take(LISTED_MAX))),
                };
                let message = format!("there is no manifest `{}`", name.escape_debug());
                Err(InvalidManifest {
                    file: format!("{}.toml", name.escape_debug()),
                    problems: vec![ManifestProblem::whole(message, remedy)],
                })
            }
        }
    }

    /// The file of the manifest `name`; `catalogue/NAME.toml` for one inside the binary.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(|known| known.file.as_str())
    }

    /// The manifests that cannot be used and that are not among `used`, by file.
    pub fn unused_invalid(&self, used: &[&str]) -> Vec<InvalidManifest> {
        let mut invalid = self.nameless.clone();
        for (name, known) in &self.by_name {
            if let Err(problems) = &known.state
                && !used.contains(&name.as_str())
            {
                invalid.push(InvalidManifest { file: known.file.clone(), problems: problems.clone() });
            }
        }
        invalid.sort_by(|a, b| a.file.cmp(&b.file));
        invalid
    }

    fn add_folder(&mut self, path: &Path) {
        let folder = Folder::read(path);
        if let Some(problem) = folder.problem {
            self.nameless.push(InvalidManifest { file: path.display().to_string(), problems: vec![problem] });
        }
        for (file, checked) in folder.manifests {
            self.add(file.display().to_string(), true, checked);
        }
    }

    fn add(&mut self, file: String, of_site: bool, checked: Result<Manifest, ManifestError>) {
        let (name, state) = match checked {
            Ok(manifest) => (manifest.name.clone(), Ok(Arc::new(manifest))),
            Err(ManifestError { name, problems }) => {
                // A file that cannot even say its name probably has its file's.
                let stem = Path::new(&file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
                let Some(name) = name.or(stem) else {
                    self.nameless.push(InvalidManifest { file, problems });
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
            self.nameless.push(InvalidManifest { file, problems });
            return;
        }
        self.by_name.insert(name, Known { file, of_site, state });
    }

    /// The catalogue and texts in place of a folder's files.
    #[cfg(test)]
    pub(crate) fn from_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all = Self::load(None);
        for (file, text) in texts {
            all.add(file.to_owned(), true, Manifest::parse(text));
        }
        all
    }
}
