//! The report of `doctor`.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use cofferdam_vault::{Finding, Level};
use serde::Serialize;
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
    level: Level,
    /// What was checked: `profile`, `port 7080`, `vault NAME`, `account MODULE/ACCOUNT`.
    subject: String,
    what: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

fn level_name<S: serde::Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.as_str())
}

impl Report {
    /// Adds a result about `subject`.
    pub(super) fn add(&mut self, subject: impl Into<String>, finding: Finding) {
        let Finding { level, what, remedy, .. } = finding;
        self.0.push(Entry { level, subject: subject.into(), what, remedy });
    }

    /// Adds all results of another report.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|entry| entry.level == level).count()
    }

    /// Prints the report. Returns a failure if it has an error.
    pub(super) fn print(&self, profile: &str, output: Output) -> Exit {
        let [ok, warnings, errors] = [Level::Good, Level::Notice, Level::Bad].map(|level| self.count(level));
        if output.is_json() {
            output.document(&json!({
                "profile": profile, "good": ok, "notice": warnings, "bad": errors, "findings": self.0,
            }));
        } else {
            let mut text = String::new();
            for entry in &self.0 {
                let (style, label) = match entry.level {
                    Level::Good => (OK, "ok     "),
                    Level::Notice => (WARNING, "warning"),
                    Level::Bad => (ERROR, "error  "),
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
