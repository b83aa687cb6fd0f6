//! Prints a copy: the plan, each secret when it is done, and the summary.

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::plan::{Row, State};
use super::route::Skipped;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::table::{self, green, keep_words, red, yellow};

/// The rows of a copy, planned or executed.
pub(super) struct Report {
    from: String,
    /// The command that performs or resumes the copy.
    command: String,
    apply: bool,
    rows: Vec<Row>,
    skipped: Vec<Skipped>,
}

impl Report {
    /// Creates the report of a planned copy from the vault `from`.
    pub(super) fn new(
        from: String,
        command: String,
        apply: bool,
        rows: Vec<Row>,
        skipped: Vec<Skipped>,
    ) -> Self {
        Self { from, command, apply, rows, skipped }
    }

    /// Returns the rows that are to be written, in order.
    pub(super) fn pending_rows(&mut self) -> impl Iterator<Item = &mut Row> {
        self.rows.iter_mut().filter(|row| matches!(row.state, State::Copy | State::Replace))
    }

    /// Returns the number of rows that are to be written.
    pub(super) fn pending(&self) -> usize {
        self.count(State::Copy) + self.count(State::Replace)
    }

    fn count(&self, state: State) -> usize {
        self.rows.iter().filter(|row| row.state == state).count()
    }

    /// Prints the plan as text. The JSON document is printed at the end.
    pub(super) fn print_plan(&self, output: Output) {
        if output.is_json() {
            return;
        }
        let mut table = table::new(&["credential", "destination", "action"]);
        for row in &self.rows {
            let action = format!("{}{}", row.state.as_str(), reason(row));
            table.add_row([
                (&row.item.name).into(),
                row.item.destination.to_string().into(),
                match row.state {
                    State::Copy | State::Equal | State::Copied => green(action),
                    State::Replace | State::Absent => yellow(action),
                    State::Conflict | State::Failed => red(action),
                },
            ]);
        }
        output.line(format_args!("from vault {}\n{}", self.from, keep_words(table)));
        for skipped in &self.skipped {
            output.line(format_args!("not copied: {}: {}", skipped.name, skipped.reason));
        }
    }

    /// Prints the summary, and what to do about what is left. Returns a failure if anything is left or in conflict.
    pub(super) fn print_summary(&self, output: Output) -> Exit {
        let (conflicts, failed) = (self.count(State::Conflict), self.count(State::Failed));
        let left = self.pending() + conflicts + failed;
        let clean = conflicts + failed == 0 && !(self.apply && left > 0);
        if output.is_json() {
            output.document(&json!({
                "from": self.from, "applied": self.apply, "clean": clean,
                "secrets": self.rows.iter().map(document).collect::<Vec<_>>(),
                "not_copied": self.skipped.iter()
                    .map(|skipped| json!({ "secret": skipped.name, "reason": skipped.reason }))
                    .collect::<Vec<_>>(),
                "command": (left > 0).then_some(&self.command),
            }));
        } else {
            self.print_counts(conflicts, failed, output);
            self.print_next_step(left, conflicts, failed, output);
        }
        if clean { Exit::Success } else { Exit::Failure }
    }

    fn print_counts(&self, conflicts: usize, failed: usize, output: Output) {
        let (copied, equal) = (self.count(State::Copied), self.count(State::Equal));
        let absent = self.count(State::Absent);
        let first =
            if self.apply { format!("{copied} copied") } else { format!("{} to copy", self.pending()) };
        output.line(format_args!(
            "{first}, {equal} already equal, {absent} absent at the source, {conflicts} in conflict, {failed} failed; \
             nothing was deleted at the source"
        ));
    }

    fn print_next_step(&self, left: usize, conflicts: usize, failed: usize, output: Output) {
        if conflicts > 0 {
            output.note("secrets in conflict are kept; --replace replaces them, with all of their fields");
        }
        match (self.apply, left) {
            (_, 0) => {}
            (true, left) => {
                for row in self.rows.iter().filter(|row| matches!(row.state, State::Conflict | State::Failed))
                {
                    output.note(format_args!(
                        "left: {}: {}{}",
                        row.item.name,
                        row.state.as_str(),
                        reason(row)
                    ));
                }
                if left > conflicts {
                    output.note(format_args!("the copy is not complete; resume it with\n  {}", self.command));
                }
            }
            (false, left) if left == failed => {
                output.note("nothing was changed; fix what failed, and run the command again");
            }
            (false, _) => output.note(format_args!("nothing was changed; copy with\n  {}", self.command)),
        }
    }
}

/// Prints one row when it is done, so that the output of an interrupted copy shows how far it came.
pub(super) fn print_row(row: &Row, bar: &ProgressBar, output: Output) {
    bar.inc(1);
    if output.is_json() {
        return;
    }
    bar.suspend(|| {
        output.line(format_args!(
            "{} {} to {}{}",
            row.state.as_str(),
            row.item.name,
            row.item.destination,
            reason(row)
        ));
    });
}

fn reason(row: &Row) -> String {
    row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

fn document(row: &Row) -> Value {
    json!({
        "secret": row.item.name, "from_path": row.item.path.as_str(),
        "to_vault": row.item.destination.vault_name, "to_path": row.item.destination.path.as_str(),
        "state": row.state, "reason": row.reason,
    })
}
