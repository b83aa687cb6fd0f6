//! What a person reads: the table, on a terminal and in docs/measurements.md.

use comfy_table::{Cell, Color, Table, presets};

use crate::proof::{Figure, Plan};

/// The table for a terminal.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
    fill(&mut table, figures, true);
    table.to_string()
}

fn fill(table: &mut Table, figures: &[Figure], terminal: bool) {
    table.set_header(["", "figure", "promised", "measured"]);
    for figure in figures {
        let mut verdict = Cell::new(if figure.kept { "✔" } else { "✘" });
        if terminal {
            verdict = verdict.fg(if figure.kept { Color::Green } else { Color::Red });
        }
        table.add_row([
            verdict,
            Cell::new(&figure.what),
            Cell::new(&figure.promised),
            Cell::new(&figure.found),
        ]);
    }
}

/// The section of docs/measurements.md.
pub(crate) fn section(plan: &Plan, figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.force_no_tty();
    fill(&mut table, figures, false);
    let legend = legend(plan);
    format!("{table}\n\n<details><summary>How it is measured</summary>\n\n{legend}\n\n</details>")
}

/// How the figures were measured.
fn legend(plan: &Plan) -> String {
    let machine = match std::thread::available_parallelism() {
        Ok(processors) => format!("{processors} processors, shared by load, server and service"),
        Err(_) => "an unknown number of processors".to_owned(),
    };
    format!(
        "On {machine}; medians, with minimum and maximum in brackets. *Calls*: `wrk` posts to one server and then to the \
         other, {} rounds of {} s each, the first of a round alternating; ratios are those of a round. Both servers use rmcp \
         over HTTP without sessions, answer in JSON, and send the same request to a service on loopback with the same client \
         (reqwest, same settings); its response is GitHub's example of an issue, 2 KiB, returned whole. The bare server has \
         that one tool, with its token as a constant, and nothing else: no modules, vaults, schemas, scrubber or limits, and it \
         logs nothing. Cofferdam runs with its default settings and logs a line for each call. *Memory* is the RSS that `ps` \
         prints. *Start*: {} times, with the manifests in the file system's cache.",
        plan.rounds,
        plan.round.as_secs(),
        plan.starts,
    )
}
