//! What a command prints: text for a person, with colour only on a terminal, or one JSON document for a program.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;
use serde_json::json;

use super::exit::CommandError;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// How wide a table is where no terminal says it, for example in a pager.
const PAGE_COLUMNS: u16 = 120;

/// The longest word that widens its column, in characters: a tool's name fits, a path is broken.
const LONGEST_WORD: usize = 24;

/// The blanks around a cell's text.
const PADDING: u16 = 2;

/// Whether an answer could not be written: standard output is one for the whole process.
static LOST: AtomicBool = AtomicBool::new(false);

/// Where a command's answer goes. Logs do not come this way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Text for a person, or JSON for a program.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether a part of the answer is lost: a script that reads it must not go on as if it were whole.
    pub(crate) fn is_lost(self) -> bool {
        LOST.load(Ordering::Relaxed)
    }

    /// Prints one line or several on standard output. A reader who has gone away is no error; a full disk is reported.
    pub(crate) fn line(self, text: impl Display) {
        let mut out = anstream::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                LOST.store(true, Ordering::Relaxed);
                self.error(format_args!("standard output cannot be written: {error}"), "");
            }
            _ => {}
        }
    }

    /// Prints a remark for the person on standard error, where no program looks for the answer.
    pub(crate) fn remark(self, text: impl Display) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// Prints a JSON document on standard output.
    pub(crate) fn document(self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(error) => self.remark(format_args!("error: the answer is no JSON: {error}")),
        }
    }

    /// Prints why a command failed: on standard error, or as the JSON document.
    pub(crate) fn failure(self, failure: &CommandError) {
        match failure {
            CommandError::Message { message, help, .. } if self.json => {
                self.document(&json!({ "error": { "message": message, "help": help } }));
            }
            CommandError::Message { message, help, .. } => self.error(message, help),
            CommandError::Profile(error) => super::profile::print_refused(self, error),
        }
    }

    /// Prints an error for a person, and what to do next where `help` is not empty.
    pub(crate) fn error(self, message: impl Display, help: &str) {
        self.remark(format_args!("{ERROR}error:{ERROR:#} {message}"));
        if !help.is_empty() {
            self.remark(format_args!("{HELP}help:{HELP:#} {help}"));
        }
    }

    /// An empty table in the house's look.
    pub(crate) fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        if !std::io::stdout().is_terminal() {
            table.set_width(PAGE_COLUMNS);
        }
        if colour() {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }
}

/// `table` with columns that are, where there is room, as wide as the longest word in them: names stay whole.
pub(crate) fn keep_words(mut table: Table) -> Table {
    let mut longest = vec![0; table.column_count()];
    for row in table.row_iter() {
        for (cell, longest) in row.cell_iter().zip(&mut longest) {
            let text = cell.content();
            *longest = text.split_whitespace().map(|word| word.chars().count()).fold(*longest, usize::max);
        }
    }
    for (index, word) in longest.into_iter().enumerate() {
        if let (Some(column), Ok(word)) = (table.column_mut(index), u16::try_from(word.min(LONGEST_WORD))) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(word + PADDING)));
        }
    }
    table
}

/// A cell that says something good.
pub(crate) fn good(text: impl ToString) -> Cell {
    Cell::new(text).fg(Color::Green)
}

/// A cell that says something bad.
pub(crate) fn bad(text: impl ToString) -> Cell {
    Cell::new(text).fg(Color::Red)
}

/// A cell that says something in between.
pub(crate) fn fair(text: impl ToString) -> Cell {
    Cell::new(text).fg(Color::Yellow)
}

fn colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Whether standard error takes colour: a terminal that nobody forbade it on (`NO_COLOR`).
pub(super) fn colour_on_stderr() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
