//! The output for people: the table, on a terminal and in the document.

use comfy_table::{Cell, Color, Table, presets};

use cofferdam_testing::figures::{Figure, Plan};

/// The table for a terminal.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
    add_rows(&mut table, figures, true);
    table.to_string()
}

fn add_rows(table: &mut Table, figures: &[Figure], terminal: bool) {
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

/// The section for the document.
pub(crate) fn section(plan: &Plan, figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.force_no_tty();
    add_rows(&mut table, figures, false);
    let legend = legend(plan);
    format!("{table}\n\n<details><summary>How it is measured</summary>\n\n{legend}\n\n</details>")
}

/// How the figures are measured.
fn legend(plan: &Plan) -> String {
    let machine = match std::thread::available_parallelism() {
        Ok(processors) => format!("{processors} processors, shared by load, server and service"),
        Err(_) => "an unknown number of processors".to_owned(),
    };
    format!(
        "On {machine}; medians, with the least and the most in brackets. *Calls*: `wrk` posts to one server and then to the \
         other, {} rounds of {} s each, the first of a round alternating; ratios are those of a round. Both serve \
         HTTP without sessions, respond in JSON, and make the same request of a service on loopback with the same client \
         (reqwest, same settings); its response is GitHub's example of an issue, 2 KiB, passed on whole. The bare server leaves \
         all of MCP to rmcp, and has that one tool, with its token as a constant, and no more: no modules, vaults, schemas, scrubber or limits, and it logs \
         nothing. Cofferdam runs as it does for everyone, with a line in its log for each call. *Memory* is what `ps` calls RSS. \
         *Start*: {} times, of manifests in the file system's cache.",
        plan.rounds,
        plan.round.as_secs(),
        plan.starts,
    )
}
