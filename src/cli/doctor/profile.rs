//! The checks of the profile and its files. They need no vault.

use cofferdam_config::{Diagnostic, Severity, quote, text};
use cofferdam_vault::{Protection, file_permissions};

use super::report::Report;
use crate::cli::compose::App;
use crate::cli::hint;

/// Checks the profile for warnings, the manifests for problems, and both for file permissions.
pub(super) fn check(app: &App, report: &mut Report) {
    for warning in &app.warnings {
        report.add("profile", Diagnostic::warning("", text!("{warning}"), warning.help.clone()));
    }
    let help = text!("fix it, then check it with {}", hint::command(&app.profile, "profile check"));
    for broken in app.calls.registry().broken() {
        let message = match &broken.module {
            Some(module) => text!("module `{}` cannot be loaded: {broken}", quote::name(module)),
            None => text!("invalid manifest, which no module uses: {broken}"),
        };
        report.add("profile", Diagnostic::error("", message, help.clone()));
    }
    let file = app.profile_file.as_deref();
    report.add(
        "profile",
        file.and_then(|path| file_permissions(path, "the profile", Protection::Integrity))
            .unwrap_or_else(|| Diagnostic::info("", "inside the binary")),
    );
    let Some(folder) = &app.server.modules_dir else { return };
    // A manifest decides where a credential is sent, so only trusted users may write one.
    let manifests = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let manifests = manifests.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let problems = manifests
        .filter_map(|path| file_permissions(&path, "the manifest", Protection::Integrity))
        .filter(|diagnostic| diagnostic.severity != Severity::Info);
    let all = file_permissions(folder, "modules_dir", Protection::Integrity).into_iter().chain(problems);
    all.for_each(|diagnostic| report.add("profile", diagnostic));
}
