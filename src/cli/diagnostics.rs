//! Renders the diagnostics of a profile for a terminal.

use std::fmt;

use cofferdam_config::{Diagnostic, Severity};
use miette::{GraphicalReportHandler, GraphicalTheme};

use super::color;

/// Returns the diagnostic as text: its location and message, and below them the help.
pub(crate) fn render(diagnostic: &Diagnostic) -> String {
    let theme = if color::on_stderr() { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme).render_report(&mut text, &WithHelp(diagnostic)) {
        Ok(()) => text.trim_end().trim_start_matches('\n').to_owned(),
        Err(fmt::Error) => diagnostic.to_string(),
    }
}

/// A diagnostic whose help is not part of its message.
#[derive(Debug)]
struct WithHelp<'a>(&'a Diagnostic);

impl fmt::Display for WithHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.headline().fmt(f)
    }
}

impl std::error::Error for WithHelp<'_> {}

impl miette::Diagnostic for WithHelp<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.0.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.0.help))
    }
}
