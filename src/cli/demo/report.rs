//! Prints the demo as a table or as JSON.

use comfy_table::{Cell, CellAlignment};
use serde_json::json;

use super::scenario::{ModuleResult, Step};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::table::{self, bold, green, keep_words, red};

/// Prints the steps. Returns a failure unless every step had the expected result.
pub(super) fn print(steps: &[Step], output: Output) -> Exit {
    let passed = !steps.is_empty() && steps.iter().all(|step| step.passed);
    if output.is_json() {
        output.document(&json!({ "ok": passed, "steps": steps }));
    } else {
        let mut table = table::new(&["", "step", "tickets (env)", "notes (age)", "expected", "time"]);
        for step in steps {
            table.add_row([
                if step.passed { green("✔") } else { red("✘") },
                bold(step.action),
                cell(&step.tickets),
                cell(&step.notes),
                Cell::new(step.expected),
                Cell::new(format!("{} ms", step.ms)).set_alignment(CellAlignment::Right),
            ]);
        }
        output.line(keep_words(table));
        output.line(if passed {
            "\nEvery step had the expected result, and nothing is left behind. Next: cofferdam serve --help"
        } else {
            "\nA step did not have the expected result. This is a bug; please report it."
        });
    }
    if passed { Exit::Success } else { Exit::Failure }
}

fn cell(result: &ModuleResult) -> Cell {
    match result {
        ModuleResult::Ok => green("ok"),
        ModuleResult::Error(code) => red(code),
        ModuleResult::Searched { results, leaks: 0 } => green(format!("none in {results} results")),
        ModuleResult::Searched { results, leaks } => red(format!("in {leaks} of {results} results")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(passed: bool) -> Step {
        Step { action: "a", tickets: ModuleResult::Ok, notes: ModuleResult::Ok, expected: "b", passed, ms: 1 }
    }

    #[test]
    fn one_failed_step_fails_the_demo() {
        let output = Output::new(true);
        assert_eq!(print(&[step(true), step(true)], output), Exit::Success);
        assert_eq!(print(&[step(true), step(false)], output), Exit::Failure);
        assert_eq!(print(&[], output), Exit::Failure);
    }
}
