//! Renders the diagnostics of a profile for a terminal.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use super::color;
use crate::profile::Problem;

/// Returns the diagnostic as text: its location and message, and below them the help.
pub(crate) fn render(problem: &Problem) -> String {
    let theme = if color::on_stderr() { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme).render_report(&mut text, &WithHelp(problem)) {
        Ok(()) => text.trim_end().trim_start_matches('\n').to_owned(),
        Err(fmt::Error) => problem.to_string(),
    }
}

/// A diagnostic whose help is not part of its message.
#[derive(Debug)]
struct WithHelp<'a>(&'a Problem);

impl fmt::Display for WithHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.0.key.is_empty() { String::new() } else { format!("{}: ", self.0.key) };
        write!(f, "{}  {key}{}", self.0.place, self.0.message)
    }
}

impl std::error::Error for WithHelp<'_> {}

impl Diagnostic for WithHelp<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        self.0.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.0.remedy))
    }
}
