//! What is told of a copy: the plan, each secret as it is done, and what is left.

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::super::super::Common;
use super::super::super::exit::Exit;
use super::super::super::output::{Output, bad, fair, good, keep_words};
use super::CopyArgs;
use super::item::Skipped;
use super::plan::{Row, State};

/// A copy, as far as it is.
pub(super) struct Report {
    from: String,
    applied: bool,
    command: String,
    rows: Vec<Row>,
    skipped: Vec<Skipped>,
}

impl Report {
    pub(super) fn new(args: &CopyArgs, common: &Common, rows: Vec<Row>, skipped: Vec<Skipped>) -> Self {
        let (from, command) = (args.from.clone(), args.command(common));
        Self { from, applied: args.apply, command, rows, skipped }
    }

    /// What has to be done, in the order in which it is.
    pub(super) fn rows_to_do(&mut self) -> impl Iterator<Item = &mut Row> {
        self.rows.iter_mut().filter(|row| matches!(row.state, State::Copy | State::Replace))
    }

    /// How much is to be done.
    pub(super) fn left(&self) -> usize {
        self.count(State::Copy) + self.count(State::Replace)
    }

    fn count(&self, state: State) -> usize {
        self.rows.iter().filter(|row| row.state == state).count()
    }

    /// The plan, for a person; a program gets everything at the end.
    pub(super) fn print_plan(&self, output: Output) {
        if output.is_json() {
            return;
        }
        let mut table = output.table(&["credential", "goes to", "what"]);
        for row in &self.rows {
            let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let what = format!("{}{reason}", row.state.word());
            table.add_row([
                (&row.item.name).into(),
                format!("{} in {}", row.item.goes.path, row.item.goes.vault_name).into(),
                match row.state {
                    State::Copy | State::Equal | State::Copied => good(what),
                    State::Replace | State::Absent => fair(what),
                    State::Conflict | State::Failed => bad(what),
                },
            ]);
        }
        output.line(format_args!("from vault {}\n{}", self.from, keep_words(table)));
        for skipped in &self.skipped {
            output.line(format_args!("not copied: {}: {}", skipped.name, skipped.why));
        }
    }

    /// What came of it, and what to do about what is left. Bad where anything is left, or would be.
    pub(super) fn print_end(&self, output: Output) -> Exit {
        let (conflicts, failed) = (self.count(State::Conflict), self.count(State::Failed));
        let left = self.left() + conflicts + failed;
        let clean = conflicts + failed == 0 && !(self.applied && left > 0);
        if output.is_json() {
            output.document(&json!({
                "from": self.from, "applied": self.applied, "clean": clean,
                "secrets": self.rows.iter().map(document).collect::<Vec<_>>(),
                "not_copied": self.skipped.iter()
                    .map(|skipped| json!({ "secret": skipped.name, "reason": skipped.why }))
                    .collect::<Vec<_>>(),
                "command": (left > 0).then_some(&self.command),
            }));
        } else {
            self.print_summary(left, conflicts, failed, output);
        }
        if clean { Exit::Success } else { Exit::Failure }
    }

    fn print_summary(&self, left: usize, conflicts: usize, failed: usize, output: Output) {
        let done = self.count(State::Copied);
        let (equal, absent) = (self.count(State::Equal), self.count(State::Absent));
        let todo = if self.applied { format!("{done} copied") } else { format!("{} to copy", self.left()) };
        output.line(format_args!(
            "{todo}, {equal} there already, {absent} absent at the source, {conflicts} in conflict, {failed} failed; \
             the source keeps everything"
        ));
        if conflicts > 0 {
            output.remark("what is in conflict stays; --replace replaces it, all of its fields");
        }
        match (self.applied, left) {
            (_, 0) => {}
            (true, left) => {
                for row in self.rows.iter().filter(|row| matches!(row.state, State::Conflict | State::Failed))
                {
                    let reason = row.reason.as_deref().unwrap_or_default();
                    output.remark(format_args!("left: {}: {}: {reason}", row.item.name, row.state.word()));
                }
                if left > conflicts {
                    output.remark(format_args!("not all is done; go on with\n  {}", self.command));
                }
            }
            (false, left) if left == failed => {
                output.remark("nothing was changed; mend what failed, and look again");
            }
            (false, _) => output.remark(format_args!("nothing was changed; do it with\n  {}", self.command)),
        }
    }
}

/// One secret that is done, or is not: a line, so that it is known how far a copy came that was ended.
pub(super) fn print_done(row: &Row, bar: &ProgressBar, output: Output) {
    bar.inc(1);
    if output.is_json() {
        return;
    }
    let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    bar.suspend(|| {
        output.line(format_args!(
            "{} {} to {} in {}{reason}",
            row.state.word(),
            row.item.name,
            row.item.goes.path,
            row.item.goes.vault_name
        ));
    });
}

fn document(row: &Row) -> Value {
    json!({
        "secret": row.item.name, "from_path": row.item.path.as_str(),
        "to_vault": row.item.goes.vault_name, "to_path": row.item.goes.path.as_str(),
        "state": row.state, "reason": row.reason,
    })
}
