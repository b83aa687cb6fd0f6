//! All manifests of this process: those of the catalogue, and those of the profile's folder.
//!
//! A manifest of the folder replaces one of the same name in the catalogue, so that a site can restrict or correct a
//! shipped module. An invalid one replaces it too. Its module is then down and reports why. Falling back to the shipped
//! manifest would offer tools that the site meant to remove.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::document::SourceText;
use cofferdam_config::quote::named;
use cofferdam_config::suggestions::{list, suggestion};
use cofferdam_config::{Diagnostic, Diagnostics, Location, Origin, quote, text};
use cofferdam_vault::FieldName;

use super::check::Manifest;
use super::error::{InvalidManifest, ManifestError};
use super::folder::Folder;
use crate::catalogue;

/// The maximum number of names that are listed for an unknown name.
const MAX_LISTED: usize = 20;

/// Every manifest, checked; the invalid ones with what is wrong with them.
#[derive(Debug, Default)]
pub struct ManifestLibrary {
    by_name: HashMap<String, Entry>,
    /// Those that no module can name: the file has no name, or the name of an earlier file.
    unnamed: Vec<InvalidManifest>,
}

/// A manifest with a name.
#[derive(Debug)]
struct Entry {
    file: String,
    source: Source,
    /// Whether it replaces one of the catalogue.
    replaces: bool,
    manifest: Result<Arc<Manifest>, Diagnostics>,
}

/// Where a manifest comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Catalogue,
    Folder,
}

impl ManifestLibrary {
    /// Reads the catalogue and every `*.toml` directly in `modules_dir`, in the order of their names.
    ///
    /// Blocks on files. Never fails: what is wrong with a file is reported when the file is used.
    pub fn load(modules_dir: Option<&Path>) -> Self {
        let mut library = Self::default();
        for entry in &catalogue::ENTRIES {
            library.add_text(&format!("catalogue/{}", entry.file), entry.text, Source::Catalogue);
        }
        if let Some(folder) = modules_dir {
            library.add_folder(folder);
        }
        library
    }

    /// The one manifest `text`, as if it were in `file`, without the catalogue.
    pub fn from_text(file: &str, text: &str) -> Self {
        let mut library = Self::default();
        library.add_text(file, text, Source::Folder);
        library
    }

    /// The names that a profile's `manifest` may have, sorted. They include invalid manifests, which must not make the
    /// profile invalid.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The fields that a secret of the module must have: none if the manifest is invalid, `None` if it does not exist.
    pub fn credential_fields(&self, name: &str) -> Option<Vec<FieldName>> {
        let entry = self.by_name.get(name)?;
        Some(entry.manifest.as_ref().map_or_else(|_| Vec::new(), |manifest| manifest.credential.fields()))
    }

    /// The manifest `name`.
    ///
    /// # Errors
    ///
    /// If it does not exist or is invalid.
    pub fn get(&self, name: &str) -> Result<&Arc<Manifest>, InvalidManifest> {
        match self.by_name.get(name) {
            Some(Entry { manifest: Ok(manifest), .. }) => Ok(manifest),
            Some(Entry { manifest: Err(diagnostics), file, .. }) => {
                Err(InvalidManifest { file: file.clone(), diagnostics: diagnostics.clone() })
            }
            None => {
                let names = self.names();
                let help = suggestion(name, names.iter().copied()).unwrap_or_else(|| {
                    text!("the manifests are {}", list(names.iter().copied().take(MAX_LISTED)))
                });
                let file = format!("{}.toml", name.escape_debug());
                let message = text!("{} does not exist", named("manifest", name));
                let found = Diagnostic::error("", message, help).at(Location::file(&file));
                Err(InvalidManifest { file, diagnostics: found.into() })
            }
        }
    }

    /// The file of the manifest `name`; `catalogue/NAME.toml` for one inside the binary.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(|entry| entry.file.as_str())
    }

    /// The file of the manifest `name`, if it replaces one of the catalogue.
    pub fn replacement(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).filter(|entry| entry.replaces).map(|entry| entry.file.as_str())
    }

    /// The invalid manifests that are not among `used`, by file.
    pub fn unused_invalid(&self, used: &[&str]) -> Vec<InvalidManifest> {
        let mut invalid = self.unnamed.clone();
        for (name, entry) in &self.by_name {
            if let Err(diagnostics) = &entry.manifest
                && !used.contains(&name.as_str())
            {
                invalid.push(InvalidManifest { file: entry.file.clone(), diagnostics: diagnostics.clone() });
            }
        }
        invalid.sort_by(|a, b| a.file.cmp(&b.file));
        invalid
    }

    fn add_text(&mut self, file: &str, text: &str, source: Source) {
        let text = SourceText::new(Origin::File(file.into()), text);
        self.add(file.to_owned(), source, Manifest::parse(&text));
    }

    fn add_folder(&mut self, path: &Path) {
        let folder = Folder::read(path);
        if let Some(error) = folder.error {
            let diagnostics = error.at(Location::file(path)).into();
            self.unnamed.push(InvalidManifest { file: path.display().to_string(), diagnostics });
        }
        for (file, checked) in folder.manifests {
            self.add(file.display().to_string(), Source::Folder, checked);
        }
    }

    fn add(&mut self, file: String, source: Source, checked: Result<Manifest, ManifestError>) {
        let (name, manifest) = match checked {
            Ok(manifest) => (manifest.name.clone(), Ok(Arc::new(manifest))),
            Err(ManifestError { name, diagnostics }) => {
                // A file without a readable name is probably meant to have the name of the file.
                let stem = Path::new(&file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
                let Some(name) = name.or(stem) else {
                    self.unnamed.push(InvalidManifest { file, diagnostics });
                    return;
                };
                (name, Err(diagnostics))
            }
        };
        if let Some(earlier) = self.by_name.get(&name)
            && earlier.source == source
        {
            // What is wrong with the second one matters more than that it is the second.
            let diagnostics = manifest.err().unwrap_or_else(|| {
                let (named, earlier) = (named("manifest", &name), quote::path(&earlier.file));
                let message = text!("{named} is already defined in {earlier}");
                let found = Diagnostic::error("name", message, "remove one of the two, or rename it");
                found.at(Location::file(&file)).into()
            });
            self.unnamed.push(InvalidManifest { file, diagnostics });
            return;
        }
        let replaces = self.by_name.contains_key(&name);
        self.by_name.insert(name, Entry { file, source, replaces, manifest });
    }

    /// The catalogue and `files`, each with its file, in place of a folder.
    #[cfg(test)]
    pub(crate) fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut library = Self::load(None);
        for (file, text) in files {
            library.add_text(file, text, Source::Folder);
        }
        library
    }
}
