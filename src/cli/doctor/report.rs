//! What was found, and how it is told.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use cofferdam_config::{Diagnostic, Severity};
use serde::Serialize;
use serde_json::json;

use super::super::exit::Exit;
use super::super::output::Output;

const GOOD: Style = AnsiColor::Green.on_default();
const NOTICE: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Findings, in the order in which they are told.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Told>);

/// A finding, and what it is about.
#[derive(Debug, Serialize)]
struct Told {
    level: &'static str,
    /// `profile`, `port 7080`, `vault NAME`, `account MODULE/ACCOUNT`.
    subject: String,
    what: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

/// The severity as the JSON output names it.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "good",
        Severity::Warning => "notice",
        Severity::Error => "bad",
    }
}

impl Report {
    /// Adds `finding`, which is about `subject`.
    pub(super) fn add(&mut self, subject: impl Into<String>, finding: Diagnostic) {
        let Diagnostic { severity, message: what, help: remedy, .. } = finding;
        self.0.push(Told { level: level(severity), subject: subject.into(), what, remedy });
    }

    /// Adds what another look found.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|told| told.level == level(severity)).count()
    }

    /// Prints everything; bad where anything is.
    pub(super) fn print(&self, profile: &str, output: Output) -> Exit {
        let [good, notice, bad] =
            [Severity::Info, Severity::Warning, Severity::Error].map(|severity| self.count(severity));
        if output.is_json() {
            output.document(&json!({
                "profile": profile, "good": good, "notice": notice, "bad": bad, "findings": self.0,
            }));
        } else {
            let mut text = String::new();
            for told in &self.0 {
                let (style, mark) = match told.level {
                    "good" => (GOOD, "good  "),
                    "notice" => (NOTICE, "notice"),
                    _ => (BAD, "bad   "),
                };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{style}{mark}{style:#} {}: {}", told.subject, told.what);
                if !told.remedy.is_empty() {
                    let _ = writeln!(text, "       -> {}", told.remedy);
                }
            }
            output.line(format_args!("{text}profile `{profile}`: {bad} bad, {notice} to know, {good} good"));
        }
        if bad == 0 { Exit::Good } else { Exit::Bad }
    }
}
