//! A profile in two phases: [`parse`] gives a draft, and [`ProfileDraft::check`] the profile.
//!
//! The draft names the folder of manifests, and the profile is checked against these manifests.

use std::path::{Path, PathBuf};

use super::check::{Report, modules, names, paths, server, vaults};
use super::document::Document;
use super::overrides::{Merged, Overrides};
use super::problem::{ProfileError, Severity};
use super::schema;
use super::settings::{Profile, ServerSettings};
use super::source::Source;
use super::validate::Validator;
use crate::broker::backends::{ALL, Backend};
use crate::manifest::ManifestLibrary;

/// A profile that was parsed and merged with its overrides, and is not checked against the manifests yet.
///
/// It may have problems: [`ProfileDraft::check`] reports them together with its own.
#[derive(Debug)]
pub struct ProfileDraft {
    name: String,
    base_dir: PathBuf,
    backends: &'static [Backend],
    server: ServerSettings,
    report: Report,
}

/// Parses a profile and applies `overrides` to it.
///
/// # Errors
///
/// If the text is not TOML. Further problems would only follow from that.
pub fn parse(source: &Source, overrides: &Overrides) -> Result<ProfileDraft, ProfileError> {
    parse_with(source, overrides, ALL)
}

/// [`parse`], for vaults with these backends.
pub(super) fn parse_with(
    source: &Source,
    overrides: &Overrides,
    backends: &'static [Backend],
) -> Result<ProfileDraft, ProfileError> {
    let mut document = Document::read(source.file.clone(), &source.text);
    let mut problems = std::mem::take(&mut document.problems);
    if !document.readable {
        problems.sort();
        return Err(ProfileError { profile: source.name.clone(), problems });
    }
    let schema = schema::of_backends(backends);
    let merged = Merged::new(document, overrides, &schema, &mut problems);
    let compiled_out: Vec<_> =
        backends.iter().filter(|backend| backend.compiled.is_none()).map(|backend| backend.name).collect();
    let (values, findings) = Validator::validate(&merged.values, &schema, &compiled_out);
    let mut report = Report { merged, values, problems };
    for finding in findings {
        report.problem(&finding.path, finding.part, finding.message, finding.remedy);
    }
    names::check(&mut report);
    let server = server::check(&mut report, &source.base_dir);
    Ok(ProfileDraft {
        name: source.name.clone(),
        base_dir: source.base_dir.clone(),
        backends,
        server,
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
        let Self { name, base_dir, backends, server, mut report } = self;
        let vaults = vaults::check(&mut report, backends);
        let modules = modules::check(&mut report, manifests);
        paths::check(&mut report, &vaults, &modules, manifests);

        let mut problems = report.problems;
        problems.sort();
        let wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
        if wrong {
            // What seems unused in a wrong profile may only be misspelt.
            problems.retain(|problem| problem.severity == Severity::Error);
            return Err(ProfileError { profile: name, problems });
        }
        let modules = modules.into_iter().filter_map(modules::CheckedModule::into_entry).collect();
        Ok(Profile { name, base_dir, vaults, modules, server, warnings: problems })
    }
}
