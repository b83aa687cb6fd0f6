//! The checks of the profile and its files. They need no vault.

use cofferdam_vault::{Finding, Kept, Level, exposure};

use super::report::Report;
use crate::cli::compose::App;
use crate::cli::hint;

/// Checks the profile for warnings, the manifests for problems, and both for file permissions.
pub(super) fn check(app: &App, report: &mut Report) {
    for warning in &app.warnings {
        report.add("profile", Finding::notice(warning.to_string(), warning.remedy.clone()));
    }
    let help = format!("fix it, then check it with {}", hint::command(&app.profile, "profile check"));
    for broken in app.calls.registry().broken() {
        let message = match &broken.module {
            Some(module) => format!("module `{module}` cannot be loaded: {broken}"),
            None => format!("invalid manifest, which no module uses: {broken}"),
        };
        report.add("profile", Finding::bad(message, help.clone()));
    }
    let file = app.profile_file.as_deref();
    report.add(
        "profile",
        file.and_then(|path| exposure(path, "the profile", Kept::Intact))
            .unwrap_or_else(|| Finding::good("inside the binary")),
    );
    let Some(folder) = &app.server.modules_dir else { return };
    // A manifest decides where a credential is sent, so only trusted users may write one.
    let manifests = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let manifests = manifests.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let problems = manifests
        .filter_map(|path| exposure(&path, "the manifest", Kept::Intact))
        .filter(|finding| finding.level != Level::Good);
    let all = exposure(folder, "modules_dir", Kept::Intact).into_iter().chain(problems);
    all.for_each(|finding| report.add("profile", finding));
}
