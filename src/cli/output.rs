//! What a command prints: text with color on a terminal, or one JSON document.
//!
//! Results go to standard output, everything else to standard error. Logs have a writer of their own.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use cofferdam_config::Diagnostics;
use serde::Serialize;
use serde_json::json;

use super::diagnostics;
use super::exit::CommandError;
use crate::registry::BrokenManifest;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// Whether a write to standard output failed. Global, because standard output is.
static WRITE_FAILED: AtomicBool = AtomicBool::new(false);

/// Prints what a command has to say, in the form that the user chose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Creates an output for text, or for one JSON document.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Returns whether the command prints JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Returns whether part of the output could not be written. The command must then not report success.
    pub(crate) fn is_incomplete(self) -> bool {
        WRITE_FAILED.load(Ordering::Relaxed)
    }

    /// Prints a line, or several, on standard output.
    ///
    /// A closed pipe is ignored. Any other error, such as a full disk, is reported on standard error.
    pub(crate) fn line(self, text: impl Display) {
        let mut out = anstream::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                WRITE_FAILED.store(true, Ordering::Relaxed);
                self.error(format_args!("cannot write to standard output: {error}"), "");
            }
            _ => {}
        }
    }

    /// Prints a JSON document on standard output.
    pub(crate) fn document(self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(error) => {
                WRITE_FAILED.store(true, Ordering::Relaxed);
                self.error(format_args!("cannot serialize the result as JSON: {error}"), "");
            }
        }
    }

    /// Prints a line, or several, on standard error.
    pub(crate) fn note(self, text: impl Display) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// Prints an error on standard error, and what to do next unless `help` is empty.
    pub(crate) fn error(self, message: impl Display, help: &str) {
        self.note(format_args!("{ERROR}error:{ERROR:#} {message}"));
        if !help.is_empty() {
            self.note(format_args!("{HELP}help:{HELP:#} {help}"));
        }
    }

    /// Prints why a command failed: on standard error, or as the JSON document.
    pub(crate) fn command_error(self, error: &CommandError) {
        match error {
            CommandError::Message { message, help, .. } if self.json => {
                self.document(&json!({ "error": { "message": message, "help": help } }));
            }
            CommandError::Message { message, help, .. } => self.error(message, help),
            CommandError::Profile(error) if self.json => self.document(error),
            CommandError::Profile(error) => {
                for problem in &error.problems {
                    self.note(diagnostics::render(problem));
                }
                self.note(error);
            }
        }
    }

    /// Prints what does not make a profile invalid, but needs attention: warnings, and invalid manifests.
    pub(crate) fn profile_warnings(self, warnings: &Diagnostics, broken: &[BrokenManifest]) {
        for warning in warnings {
            self.note(diagnostics::render(warning));
        }
        for manifest in broken {
            match &manifest.module {
                Some(module) => self.note(format_args!("module `{module}` cannot be loaded: {manifest}")),
                None => self.note(format_args!("invalid manifest, which no module uses: {manifest}")),
            }
        }
    }
}
