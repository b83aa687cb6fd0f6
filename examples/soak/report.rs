//! The output for people: a line for each sample, the promises, and the section of the document.

use comfy_table::{Cell, Table, presets};

use cofferdam_testing::soak::{Size, SoakOutcome, SoakPlan};

/// The number of samples in the document's table.
const ROWS: usize = 10;

/// The server's size at one moment.
pub(crate) fn line(size: &Size) -> String {
    format!(
        "{:>5} s  {:>6.1} MiB  {:>3} threads  {:>4} descriptors  honest calls {} of {}",
        size.after.as_secs(),
        size.rss_mib(),
        size.threads,
        size.descriptors,
        size.good,
        size.calls,
    )
}

/// The promises, and what the attackers got.
pub(crate) fn summary(outcome: &SoakOutcome) -> String {
    let mut lines: Vec<String> = outcome
        .promises
        .iter()
        .map(|promise| {
            format!("{} {}: {}", if promise.kept { "✔" } else { "✘" }, promise.name, promise.found)
        })
        .collect();
    for (attack, answers) in &outcome.attacks {
        let answers: Vec<String> =
            answers.iter().map(|(answer, count)| format!("{answer} {count}")).collect();
        lines.push(format!("  {attack}: {}", answers.join(", ")));
    }
    lines.join("\n")
}

/// The section for the document.
pub(crate) fn section(plan: &SoakPlan, outcome: &SoakOutcome) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.force_no_tty();
    table.set_header(["after", "memory", "threads", "descriptors", "honest calls that succeed"]);
    row(&mut table, "idle, before", &outcome.idle, "–".to_owned());
    let step = outcome.sizes.len().div_ceil(ROWS).max(1);
    for size in outcome.sizes.iter().rev().step_by(step).collect::<Vec<_>>().into_iter().rev() {
        let calls = format!("{} of {}", size.good, size.calls);
        row(&mut table, &format!("{} s", size.after.as_secs()), size, calls);
    }
    if let Some(after) = &outcome.after {
        row(&mut table, &format!("{} s of rest", plan.rest.as_secs()), after, "–".to_owned());
    }
    format!(
        "{table}\n\n```text\n{}\n```\n\n<details><summary>How it is measured</summary>\n\n{}\n\n</details>",
        summary(outcome),
        legend(plan),
    )
}

fn row(table: &mut Table, when: &str, size: &Size, calls: String) {
    table.add_row([
        Cell::new(when),
        Cell::new(format!("{:.1} MiB", size.rss_mib())),
        Cell::new(size.threads),
        Cell::new(size.descriptors),
        Cell::new(calls),
    ]);
}

/// How the figures are measured.
fn legend(plan: &SoakPlan) -> String {
    format!(
        "{} minutes on two processors, which load, services and attackers share with the server, in a control group with 512 MiB \
         and no swap, with 1,024 open files and `max_calls = 100`. Attackers and their services are other machines in the \
         world; here they have threads of the lowest priority (nice 19). Three honest modules are called {} times a second each, with \
         a new connection for each call and the caches of their vaults off. All attacks but that of the name servers go on at \
         once; an attacker pauses for up to {:.0} s, and a third of all calls are cancelled at a random point (seed {}). \
         *Memory* is resident memory. *Flat*: the last quarter of the time exceeds the second one by at most a fifth in memory \
         and descriptors, and by 8 threads. *Given back*: {} s after the attacks, memory exceeds that of the idle server \
         before them by at most a fifth, and 16 descriptors more are open at most.",
        plan.length.as_secs() / 60,
        plan.rate,
        2.0 * plan.pause.as_secs_f64(),
        plan.seed,
        plan.rest.as_secs(),
    )
}
