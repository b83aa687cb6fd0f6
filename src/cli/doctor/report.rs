//! The report of `doctor`.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use cofferdam_config::{Diagnostic, Severity, Text};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::output::Output;

const OK: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The results of all checks, in the order in which they are printed.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Entry>);

/// The result of one check.
#[derive(Debug, Serialize)]
struct Entry {
    #[serde(serialize_with = "level_name")]
    level: Severity,
    /// What was checked: `profile`, `port 7080`, `open files`, `vault NAME`, `account MODULE/ACCOUNT`.
    subject: String,
    what: Text,
    #[serde(skip_serializing_if = "Text::is_empty")]
    remedy: Text,
}

/// Writes the severity by its name in the JSON output.
fn level_name<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match severity {
        Severity::Info => "good",
        Severity::Warning => "notice",
        Severity::Error => "bad",
    })
}

impl Report {
    /// Adds a result about `subject`.
    pub(super) fn add(&mut self, subject: impl Into<String>, diagnostic: Diagnostic) {
        let Diagnostic { severity: level, message: what, help: remedy, .. } = diagnostic;
        self.0.push(Entry { level, subject: subject.into(), what, remedy });
    }

    /// Adds all results of another report.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn count(&self, level: Severity) -> usize {
        self.0.iter().filter(|entry| entry.level == level).count()
    }

    /// Prints the report. Returns a failure if it has an error.
    pub(super) fn print(&self, profile: &str, output: Output) -> Exit {
        let [ok, warnings, errors] =
            [Severity::Info, Severity::Warning, Severity::Error].map(|level| self.count(level));
        if output.is_json() {
            output.document(&json!({
                "profile": profile, "good": ok, "notice": warnings, "bad": errors, "findings": self.0,
            }));
        } else {
            let mut text = String::new();
            for entry in &self.0 {
                let (style, label) = match entry.level {
                    Severity::Info => (OK, "ok     "),
                    Severity::Warning => (WARNING, "warning"),
                    Severity::Error => (ERROR, "error  "),
                };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{style}{label}{style:#} {}: {}", entry.subject, entry.what);
                if !entry.remedy.is_empty() {
                    let _ = writeln!(text, "        -> {}", entry.remedy);
                }
            }
            let plural = |count| if count == 1 { "" } else { "s" };
            output.line(format_args!(
                "{text}profile `{profile}`: {ok} ok, {warnings} warning{}, {errors} error{}",
                plural(warnings),
                plural(errors)
            ));
        }
        if errors == 0 { Exit::Success } else { Exit::Failure }
    }
}
