//! The output for people: a line for each scenario as it ends, and the table at the end.

use std::collections::BTreeMap;

use comfy_table::{Cell, Color, Table, presets};

use cofferdam_testing::blast_radius::many::{Many, p99_ms};
use cofferdam_testing::blast_radius::{ADDED_RATE, Comparison, MAX_INTERVALS, MAX_RATIO, Outcome, Plan};
use cofferdam_testing::median;

/// One scenario, when it has ended.
pub(crate) fn line(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} {:<9} × {:<16} cache {:<3}  {}",
        mark(outcome.comparison.kept()),
        outcome.target,
        outcome.fault,
        on_off(outcome.cache),
        others(&outcome.comparison),
    );
    for promise in &outcome.comparison.promises {
        // The line above contains the others' figures.
        if !(promise.kept && promise.name == "the others answer") {
            text.push_str(&format!("\n    {} {}: {}", mark(promise.kept), promise.name, promise.found));
        }
    }
    text
}

/// What the calls of the other modules became.
pub(crate) fn others(comparison: &Comparison) -> String {
    format!(
        "others {} of {}, p50 {:.1} → {:.1} ms, p99 {:.1} → {:.1} ms ×{:.2} (control ×{:.2}){}",
        comparison.others.good,
        comparison.others.calls,
        comparison.ms(|run| run.baseline.p50_ms),
        comparison.ms(|run| run.fault.p50_ms),
        comparison.ms(|run| run.baseline.p99_ms),
        comparison.ms(|run| run.fault.p99_ms),
        comparison.ratio(),
        comparison.noise(),
        if comparison.quick() { "" } else { " !" },
    )
}

/// The two hundred vaults.
pub(crate) fn many(many: &Many) -> String {
    let mut text = format!(
        "{} 200 vaults, 100 hang at once, cache {}: the others' p99 {:.1} → {:.1} ms ×{:.2} (control ×{:.2}); the hung ones answer in {:.0} ms, at most {:.0} ms",
        mark(many.kept() && many.quick()),
        on_off(many.cache),
        p99_ms(&many.baselines),
        p99_ms(&many.faults),
        many.ratio(),
        many.noise(),
        many.hung.p50_ms,
        many.hung.max_ms,
    );
    for promise in &many.promises {
        text.push_str(&format!("\n    {} {}: {}", mark(promise.kept), promise.name, promise.found));
    }
    text
}

/// The ratios, in one line for each setting of the cache.
pub(crate) fn times(outcomes: &[Outcome]) -> String {
    let mut lines = Vec::new();
    for cache in [false, true] {
        let of: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.cache == cache).collect();
        let Some(worst) = of.iter().max_by(|a, b| a.comparison.ratio().total_cmp(&b.comparison.ratio()))
        else {
            continue;
        };
        let ratios: Vec<f64> = of.iter().map(|outcome| outcome.comparison.ratio()).collect();
        let controls: Vec<f64> = of.iter().map(|outcome| outcome.comparison.noise()).collect();
        let p99s: Vec<f64> =
            of.iter().map(|outcome| outcome.comparison.ms(|run| run.baseline.p99_ms)).collect();
        lines.push(format!(
            "{} Cache {}: p99 of the others {:.1} ms without a fault; with one over without one: median ×{:.2}, worst ×{:.2} ({} × {}); \
             without any fault (control): median ×{:.2}, worst ×{:.2}.",
            mark(worst.comparison.quick()),
            on_off(cache),
            median(p99s),
            median(ratios),
            worst.comparison.ratio(),
            worst.target,
            worst.fault,
            median(controls.iter().copied()),
            controls.iter().copied().fold(0.0, f64::max),
        ));
    }
    lines.join("\n")
}

/// The table for a terminal.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
    add_rows(&mut table, outcomes, true);
    table.to_string()
}

/// The table for the document.
fn markdown(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.force_no_tty();
    add_rows(&mut table, outcomes, false);
    table.to_string()
}

/// One row for each fault of each vault, with the figures for the cache off and on beside each other.
fn add_rows(table: &mut Table, outcomes: &[Outcome], terminal: bool) {
    table.set_header([
        "vault",
        "fault",
        "others answer",
        "their p99, off · on (control)",
        "it answers, cache off",
        "cache on",
        "requests while open",
        "back after",
        "",
    ]);
    let mut rows: BTreeMap<(usize, String, String), [Option<&Outcome>; 2]> = BTreeMap::new();
    for (index, outcome) in outcomes.iter().enumerate() {
        let name = (outcome.target.to_string(), outcome.fault.to_string());
        let first =
            outcomes.iter().position(|other| (other.target, other.fault) == (outcome.target, outcome.fault));
        let row = rows.entry((first.unwrap_or(index), name.0, name.1)).or_default();
        row[usize::from(outcome.cache)] = Some(outcome);
    }
    for ((_, target, fault), pair) in rows {
        let both = |show: &dyn Fn(&Outcome) -> String| {
            let shown: Vec<String> = pair.iter().map(|one| one.map_or("–".to_owned(), show)).collect();
            shown.join(" · ")
        };
        let run: Vec<&Outcome> = pair.into_iter().flatten().collect();
        let (good, calls) = run.iter().fold((0, 0), |(good, calls), one| {
            (good + one.comparison.others.good, calls + one.comparison.others.calls)
        });
        let kept = run.iter().all(|one| one.comparison.kept() && one.comparison.quick());
        let mut verdict = Cell::new(mark(kept));
        if terminal {
            verdict = verdict.fg(if kept { Color::Green } else { Color::Red });
        }
        table.add_row([
            Cell::new(target),
            Cell::new(fault),
            Cell::new(share(good, calls)),
            Cell::new(format!(
                "{} ({})",
                both(&|one| format!("×{:.2}", one.comparison.ratio())),
                both(&|one| format!("×{:.2}", one.comparison.noise()))
            )),
            Cell::new(pair[0].map_or("–".to_owned(), answers)),
            Cell::new(pair[1].map_or("–".to_owned(), answers)),
            Cell::new(both(&requests)),
            Cell::new(both(&back)),
            verdict,
        ]);
    }
}

fn answers(outcome: &Outcome) -> String {
    let main = outcome.codes.iter().filter(|(code, _)| *code != "ok").max_by_key(|(_, count)| **count);
    let said = match main {
        None => "served".to_owned(),
        Some((code, _)) if outcome.faulty.good * 10 > outcome.faulty.calls => format!("`{code}`, or served"),
        Some((code, _)) => format!("`{code}`"),
    };
    format!("{said}, {:.0} ms, ≤ {:.0} ms", outcome.faulty.p50_ms, outcome.faulty.max_ms)
}

fn requests(outcome: &Outcome) -> String {
    match outcome.open_requests {
        _ if outcome.open_seconds == 0.0 => "not open".to_owned(),
        Some(requests) => format!("{requests} in {:.1} s", outcome.open_seconds),
        None => "n/a".to_owned(),
    }
}

fn back(outcome: &Outcome) -> String {
    match (outcome.good_after, outcome.ready_after) {
        (Some(good), Some(ready)) => format!("{:.2}", good.max(ready)),
        _ => "not back".to_owned(),
    }
}

pub(crate) fn share(good: usize, calls: usize) -> String {
    match good == calls {
        true => "100 %".to_owned(),
        // Never rounds up to 100 %.
        false => format!("{:.2} %", (good as f64 * 10_000.0 / calls as f64).floor() / 100.0),
    }
}

pub(crate) fn mark(kept: bool) -> &'static str {
    if kept { "✔" } else { "✘" }
}

fn on_off(cache: bool) -> &'static str {
    if cache { "on" } else { "off" }
}

/// The section for the document.
pub(crate) fn section(plan: &Plan, outcomes: &[Outcome], of_many: &[Many]) -> String {
    let of_many: Vec<String> = of_many.iter().map(many).collect();
    format!(
        "![How much slower the modules on other vaults become while one vault fails](blast-radius.svg)\n\n{}\n\n\
         ```text\n{}\n{}\n```\n\n<details><summary>How it is measured</summary>\n\n{}\n\n</details>",
        markdown(outcomes),
        times(outcomes),
        of_many.join("\n"),
        legend(plan),
    )
}

/// How the figures are measured.
fn legend(plan: &Plan) -> String {
    let repeats: Vec<String> = plan.repeats.iter().map(usize::to_string).collect();
    format!(
        "Five vaults, each with a module of its own, {} calls a second on each module through `POST /mcp`, with latency counted from when \
         each was due. Where the faulty vault is none of these, it is a further one, whose module is called {} times a second. *Their \
         p99*: that of the other modules with the fault over without it, promised ≤ {MAX_RATIO}, of windows of {:.1} s with {} calls or more; the *control* is the same of two windows without a fault, so it shows the machine's \
         noise; where the first run is over {MAX_RATIO}, both are of the medians of {} runs. *It answers*: the module on the faulty vault, \
         median and longest time. *Requests while open*: what a counting proxy before the vault saw while its breaker was \
         open, promised one per interval. *Back after*: from the repair to the first correct response and the state `ready`, in probe \
         intervals, promised ≤ {}. Vault settings: the defaults, with a fifth of every duration (`probe_interval` 1 s, `attempt_timeout` 0.4 s, \
         `deadline` 1 s); cache on: `cache_ttl` 0.5 s, so that the fault is noticed at all.",
        plan.rate,
        ADDED_RATE,
        plan.window.as_secs_f64(),
        (f64::from(plan.rate) * 3.0 * plan.window.as_secs_f64()) as u64,
        repeats.join(" or "),
        MAX_INTERVALS,
    )
}
