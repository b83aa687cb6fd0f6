//! What a call costs: the same load calls Cofferdam and the bare server in turn; both run all the time.

use std::time::Duration;

use serde_json::{Value, json};

use super::bare::TOOL;
use super::environments::MODULE;
use super::figure::Figure;
use super::plan::CONNECTIONS;
use super::wrk::{Load, Wrk};
use super::{Failed, Plan, Process};
use crate::measure::{median, span};

/// The smallest share of the bare server's calls per second.
const MIN_RATE: f64 = 0.7;

/// The largest multiple of the bare server's p99.
const MAX_P99: f64 = 1.5;

/// How long each is called before measuring begins.
const WARM_UP: Duration = Duration::from_secs(2);

/// One server in one round.
struct Sample {
    load: Load,
    /// Processor time per call, in microseconds.
    work_us: f64,
}

/// The arguments of every call.
fn call() -> Value {
    json!({ "number": 1347 })
}

/// The call as Cofferdam takes it.
pub(super) fn call_module_tool() -> (&'static str, Value) {
    ("call_module_tool", json!({ "module": MODULE, "tool": TOOL, "arguments": call() }))
}

/// Calls `ours` and `bare` in turn; they alternate in going first.
///
/// # Errors
///
/// If `wrk` or `/proc` cannot be used, or a call fails.
pub async fn measure(plan: &Plan, ours: &Process, bare: &Process) -> Result<Vec<Figure>, Failed> {
    let wrk = Wrk::new()?;
    let calls = [call_module_tool(), (TOOL, call())];
    let of = async |which: usize, span: Duration| -> Result<Sample, Failed> {
        let (server, (tool, arguments)) = ([ours, bare][which], &calls[which]);
        let before = server.processor_time()?;
        let load = wrk.run(&server.mcp, tool, arguments, span).await?;
        let worked = server.processor_time()?.saturating_sub(before);
        let work_us = worked.as_secs_f64() * 1e6 / load.calls.max(1) as f64;
        Ok(Sample { load, work_us })
    };
    for which in [0, 1] {
        of(which, WARM_UP.min(plan.round)).await?;
    }
    let mut rounds = Vec::with_capacity(plan.rounds);
    for round in 0..plan.rounds {
        let first = round % 2;
        let samples = [of(first, plan.round).await?, of(1 - first, plan.round).await?];
        let [one, other] = samples;
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

fn figures(rounds: &[[Sample; 2]]) -> Vec<Figure> {
    let ratios = |of: fn(&Sample) -> f64| rounds.iter().map(move |[ours, bare]| of(ours) / of(bare));
    let medians = |of: fn(&Sample) -> f64| {
        [0_usize, 1].map(|which| median(rounds.iter().map(|round| of(&round[which]))))
    };
    let rate = |sample: &Sample| sample.load.rate();
    let p99 = |sample: &Sample| sample.load.p99_ms;
    let rates = median(ratios(rate));
    let p99s = median(ratios(p99));
    let [our_rate, bare_rate] = medians(rate);
    let [our_p50, bare_p50] = medians(|sample| sample.load.p50_ms);
    let [our_p99, bare_p99] = medians(p99);
    let [our_work, bare_work] = medians(|sample| sample.work_us);
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
