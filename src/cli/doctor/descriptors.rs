//! The check of the limit of open files.

use cofferdam_config::{Diagnostic, text};

use super::report::Report;
use crate::cli::compose::App;
use crate::http::{ConnectionBudget, RAISE_DESCRIPTORS};
use crate::os::descriptor_limit;

/// Checks that a server with this process's limits may have as many open files as the profile may need. `serve` raises
/// the soft limit to the hard one.
pub(super) fn check(app: &App, report: &mut Report) {
    let budget = ConnectionBudget::new(&app.server, &app.calls, descriptor_limit().hard);
    let diagnostic = match budget.shortage() {
        Some(shortage) => Diagnostic::warning("", text!("{shortage}"), RAISE_DESCRIPTORS),
        None => Diagnostic::info("", text!("enough for {} connections", budget.max())),
    };
    report.add("open files", diagnostic);
}
