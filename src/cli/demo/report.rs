//! The demo as a table people like to read, or as JSON.

use comfy_table::{Attribute, Cell, CellAlignment};
use serde_json::json;

use super::super::exit::Exit;
use super::super::output::{Output, bad, good, keep_words};
use super::scenario::{Side, Step};

/// Prints the steps; the exit code says whether all was as promised.
pub(super) fn print(steps: &[Step], output: Output) -> Exit {
    let kept = !steps.is_empty() && steps.iter().all(|step| step.kept);
    if output.is_json() {
        output.document(&json!({ "ok": kept, "steps": steps }));
    } else {
        let mut table = output.table(&["", "step", "tickets (env)", "notes (age)", "promised", "time"]);
        for step in steps {
            table.add_row([
                if step.kept { good("✔") } else { bad("✘") },
                Cell::new(step.done).add_attribute(Attribute::Bold),
                said(&step.tickets),
                said(&step.notes),
                Cell::new(step.promised),
                Cell::new(format!("{} ms", step.ms)).set_alignment(CellAlignment::Right),
            ]);
        }
        output.line(keep_words(table));
        output.line(if kept {
            "\nAll as promised, and nothing is left behind. Next: cofferdam serve --help"
        } else {
            "\nNot all was as promised: that is a defect, please report it."
        });
    }
    if kept { Exit::Success } else { Exit::Failure }
}

fn said(side: &Side) -> Cell {
    match side {
        Side::Answers => good("answers"),
        Side::Fails(code) => bad(code),
        Side::Searched { answers, leaks: 0 } => good(format!("none in {answers} answers")),
        Side::Searched { answers, leaks } => bad(format!("in {leaks} of {answers} answers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kept: bool) -> Step {
        Step { done: "a", tickets: Side::Answers, notes: Side::Answers, promised: "b", kept, ms: 1 }
    }

    #[test]
    fn one_broken_promise_is_a_bad_end() {
        let output = Output::new(true);
        assert_eq!(print(&[step(true), step(true)], output), Exit::Success);
        assert_eq!(print(&[step(true), step(false)], output), Exit::Failure);
        assert_eq!(print(&[], output), Exit::Failure);
    }
}
