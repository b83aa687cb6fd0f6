//! A profile in two phases: [`parse`] gives a draft, and [`ProfileDraft::check`] the profile.
//!
//! The draft names the folder of manifests, and the profile is checked against these manifests.

use std::path::{Path, PathBuf};

use cofferdam_config::{Diagnostic, Severity};
use serde_json::Value;

use super::check::{Report, access, modules, names, paths, server, vaults};
use super::document::Document;
use super::error::ProfileError;
use super::overrides::{Merged, Overrides};
use super::schema;
use super::settings::{AccessSettings, Profile, ServerSettings};
use super::source::Source;
use super::validate::validate;
use crate::broker::backends::{ALL, Backend};
use crate::manifest::ManifestLibrary;

/// A profile that was parsed and merged with its overrides, and is not checked against the manifests yet.
///
/// It may have errors: [`ProfileDraft::check`] reports them together with its own.
#[derive(Debug)]
pub struct ProfileDraft {
    name: String,
    file: Option<PathBuf>,
    base_dir: PathBuf,
    ignored: Option<Diagnostic>,
    backends: &'static [Backend],
    server: ServerSettings,
    access: AccessSettings,
    report: Report,
}

/// Parses a profile and applies `overrides` to it.
///
/// # Errors
///
/// If the text is not TOML. Further problems would only follow from that.
pub fn parse(source: &Source, overrides: &Overrides) -> Result<ProfileDraft, ProfileError> {
    parse_with(source, overrides, ALL, &schema())
}

/// [`parse`], for vaults with these backends and the schema that follows from them.
pub(super) fn parse_with(
    source: &Source,
    overrides: &Overrides,
    backends: &'static [Backend],
    schema: &Value,
) -> Result<ProfileDraft, ProfileError> {
    let mut document = Document::read(source.location.clone(), &source.text);
    let mut diagnostics = std::mem::take(&mut document.diagnostics);
    if !document.complete {
        return Err(ProfileError::new(&source.name, diagnostics.sorted()));
    }
    let merged = Merged::new(document, overrides, schema, &mut diagnostics);
    let compiled_out: Vec<_> =
        backends.iter().filter(|backend| backend.compiled.is_none()).map(|backend| backend.name).collect();
    let values = validate(&merged, schema, &compiled_out, &mut diagnostics);
    let mut report = Report::new(merged, values, diagnostics);
    names::check(&mut report);
    let server = server::check(&mut report, &source.base_dir);
    let access = access::check(&mut report);
    Ok(ProfileDraft {
        name: source.name.clone(),
        file: source.file.clone(),
        base_dir: source.base_dir.clone(),
        ignored: source.ignored(),
        backends,
        server,
        access,
        report,
    })
}

impl ProfileDraft {
    /// The folder with further manifests, seen from the working directory.
    pub fn modules_dir(&self) -> Option<&Path> {
        self.server.modules_dir.as_deref()
    }

    /// Checks the whole profile against `manifests`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the profile, by place.
    pub fn check(self, manifests: &ManifestLibrary) -> Result<Profile, ProfileError> {
        let Self { name, file, base_dir, ignored, backends, server, access, mut report } = self;
        let vaults = vaults::check(&mut report, &base_dir, backends);
        let modules = modules::check(&mut report, manifests);
        paths::check(&mut report, &base_dir, &vaults, &modules, manifests);

        let mut diagnostics = report.into_diagnostics();
        if diagnostics.has_errors() {
            // What seems unused in a wrong profile may only be misspelt.
            diagnostics.retain(|found| found.severity == Severity::Error);
            diagnostics.extend(ignored);
            return Err(ProfileError::new(&name, diagnostics));
        }
        let modules = modules.into_iter().filter_map(modules::CheckedModule::into_entry).collect();
        diagnostics.extend(ignored);
        Ok(Profile { name, file, base_dir, vaults, modules, server, access, warnings: diagnostics })
    }
}
