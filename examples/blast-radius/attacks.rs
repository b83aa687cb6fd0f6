//! The second table: callers and services that take what others need.

use comfy_table::{Cell, Color, Table, presets};

use cofferdam_testing::attacks::{AttackOutcome, AttackPlan};
use cofferdam_testing::blast_radius::MAX_RATIO;

use super::report::{mark, others, share};

/// One attack, when it has ended.
pub(crate) fn line(outcome: &AttackOutcome) -> String {
    let mut text = format!(
        "{} {:<22} {}",
        mark(outcome.comparison.kept()),
        outcome.attack,
        others(&outcome.comparison),
    );
    for promise in &outcome.comparison.promises {
        text.push_str(&format!("\n    {} {}: {}", mark(promise.kept), promise.name, promise.found));
    }
    text
}

/// The table for a terminal.
pub(crate) fn table(outcomes: &[AttackOutcome]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
    add_rows(&mut table, outcomes, true);
    table.to_string()
}

fn add_rows(table: &mut Table, outcomes: &[AttackOutcome], terminal: bool) {
    table.set_header([
        "attack",
        "others answer",
        "their p99 (control)",
        "p99 before → during",
        "health answers",
        "the attackers get",
        "memory, at most",
        "threads",
        "",
    ]);
    for outcome in outcomes {
        let kept = outcome.comparison.kept() && outcome.comparison.quick();
        let mut verdict = Cell::new(mark(kept));
        if terminal {
            verdict = verdict.fg(if kept { Color::Green } else { Color::Red });
        }
        table.add_row([
            Cell::new(outcome.attack),
            Cell::new(share(outcome.comparison.others.good, outcome.comparison.others.calls)),
            Cell::new(format!("×{:.2} (×{:.2})", outcome.comparison.ratio(), outcome.comparison.noise())),
            Cell::new(format!(
                "{:.1} → {:.1} ms",
                outcome.comparison.ms(|run| run.baseline.p99_ms),
                outcome.comparison.ms(|run| run.fault.p99_ms)
            )),
            Cell::new(share(outcome.health.good, outcome.health.checks)),
            Cell::new(answers(outcome)),
            Cell::new(format!("{} MiB", outcome.peak_mib)),
            Cell::new(outcome.threads.map_or("–".to_owned(), |threads| threads.to_string())),
            verdict,
        ]);
    }
}

/// What most attackers got.
fn answers(outcome: &AttackOutcome) -> String {
    let mut answers: Vec<(&String, &usize)> = outcome.answers.iter().collect();
    answers.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    match answers.as_slice() {
        [] => "nothing yet".to_owned(),
        most => {
            let shown: Vec<String> =
                most.iter().take(2).map(|(answer, count)| format!("{answer} {count}")).collect();
            shown.join(", ")
        }
    }
}

/// The section for the document.
pub(crate) fn section(plan: &AttackPlan, outcomes: &[AttackOutcome]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.force_no_tty();
    add_rows(&mut table, outcomes, false);
    format!("{table}\n\n<details><summary>How it is measured</summary>\n\n{}\n\n</details>", legend(plan))
}

/// How the figures are measured.
fn legend(plan: &AttackPlan) -> String {
    format!(
        "The server runs on two processors, which load, services and attackers share with it, and in a control group with \
         512 MiB and no swap. Attackers and their services are other machines in the world; here they have threads of the \
         lowest priority (nice 19), so that the honest calls do not wait for them. Three honest modules, on an `env`, an `age` and a HashiCorp vault with their caches off, are \
         called {} times a second each. *Their p99*: that of the honest calls during the attack over before it, promised \
         ≤ {MAX_RATIO}, of windows of {:.1} s; the *control* is the same of two windows without an attack. The window begins \
         when the attack is in place: its connections are open and full, or its first round has been answered. An attacker that was \
         answered or refused pauses for {:.0} s. *Health*: `/healthz` of both listeners and `/readyz` with details, each \
         on a new connection. *Memory* is that of the control group, with what the kernel keeps for it.",
        plan.rate,
        plan.window.as_secs_f64(),
        plan.pause.as_secs_f64(),
    )
}
