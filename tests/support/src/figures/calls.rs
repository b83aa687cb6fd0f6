//! What a call costs: Cofferdam and the bare server, called in turn by the same load, both running all the time.

use std::time::Duration;

use serde_json::{Value, json};

use super::bare::TOOL;
use super::figure::{Figure, median, span};
use super::plan::CONNECTIONS;
use super::sites::MODULE;
use super::wrk::{Load, Wrk};
use super::{Failed, Plan, Process};

/// The least share of the bare server's calls a second.
const MIN_RATE: f64 = 0.7;

/// The most that the bare server's p99 may be multiplied by.
const MAX_P99: f64 = 1.5;

/// How long each is called before it counts.
const WARM_UP: Duration = Duration::from_secs(2);

/// One server in one round.
struct Turn {
    load: Load,
    /// How long it had a processor for one call, in microseconds.
    work_us: f64,
}

/// The arguments of the one call that is made all the time.
fn call() -> Value {
    json!({ "number": 1347 })
}

/// The call as Cofferdam takes it.
pub(super) fn call_module_tool() -> (&'static str, Value) {
    ("call_module_tool", json!({ "module": MODULE, "tool": TOOL, "arguments": call() }))
}

/// Calls `ours` and `bare` in turn, the first of each round alternating.
pub(crate) async fn measure(plan: &Plan, ours: &Process, bare: &Process) -> Result<Vec<Figure>, Failed> {
    let wrk = Wrk::new()?;
    let calls = [call_module_tool(), (TOOL, call())];
    let of = async |which: usize, span: Duration| -> Result<Turn, Failed> {
        let (server, (tool, arguments)) = ([ours, bare][which], &calls[which]);
        let before = server.worked()?;
        let load = wrk.run(&server.mcp, tool, arguments, span).await?;
        let worked = server.worked()?.saturating_sub(before);
        let work_us = worked.as_secs_f64() * 1e6 / load.calls.max(1) as f64;
        Ok(Turn { load, work_us })
    };
    for which in [0, 1] {
        of(which, WARM_UP.min(plan.round)).await?;
    }
    let mut rounds = Vec::with_capacity(plan.rounds);
    for round in 0..plan.rounds {
        let first = round % 2;
        let turns = [of(first, plan.round).await?, of(1 - first, plan.round).await?];
        let [one, other] = turns;
        rounds.push(if first == 0 { [one, other] } else { [other, one] });
        if let Some([ours, bare]) = rounds.last() {
            println!(
                "  {:.0} and {:.0} calls a second, p99 {:.1} and {:.1} ms",
                ours.load.rate(),
                bare.load.rate(),
                ours.load.p99_ms,
                bare.load.p99_ms
            );
        }
    }
    Ok(figures(&rounds))
}

fn figures(rounds: &[[Turn; 2]]) -> Vec<Figure> {
    let ratios = |of: fn(&Turn) -> f64| rounds.iter().map(move |[ours, bare]| of(ours) / of(bare));
    let medians =
        |of: fn(&Turn) -> f64| [0_usize, 1].map(|which| median(rounds.iter().map(|round| of(&round[which]))));
    let rate = |turn: &Turn| turn.load.rate();
    let p99 = |turn: &Turn| turn.load.p99_ms;
    let rates = median(ratios(rate));
    let p99s = median(ratios(p99));
    let [our_rate, bare_rate] = medians(rate);
    let [our_p50, bare_p50] = medians(|turn| turn.load.p50_ms);
    let [our_p99, bare_p99] = medians(p99);
    let [our_work, bare_work] = medians(|turn| turn.work_us);
    vec![
        Figure::new(
            format!("calls a second, {CONNECTIONS} connections (bare rmcp server)"),
            format!("≥ {MIN_RATE} × bare"),
            format!("×{rates:.2} ({}): {our_rate:.0} ({bare_rate:.0})", span(ratios(rate), 2)),
            rates >= MIN_RATE,
        ),
        Figure::new(
            "p99 of these calls (bare)",
            format!("≤ {MAX_P99} × bare"),
            format!(
                "×{p99s:.2} ({}): {our_p99:.2} ms ({bare_p99:.2} ms); p50 {our_p50:.2} ms ({bare_p50:.2} ms); \
                 processor {our_work:.0} µs a call ({bare_work:.0} µs)",
                span(ratios(p99), 2)
            ),
            p99s <= MAX_P99,
        ),
    ]
}
