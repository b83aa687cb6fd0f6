//! Steady load for minutes: no call fails, and memory does not grow.

use super::calls::call_module_tool;
use super::figure::Figure;
use super::plan::CONNECTIONS;
use super::wrk::Wrk;
use super::{Failed, Plan, Server};
use crate::measure::median;

/// The most by which memory may grow from the second quarter of the time to the last one, in bytes. The allocator's own needs
/// vary by less, and a call that leaks 10 bytes exceeds it within minutes.
const MAX_GROWTH: f64 = 2.0 * 1024.0 * 1024.0;

/// Calls `server` all the time and samples its memory.
///
/// # Errors
///
/// If `wrk` or `/proc` cannot be used, or a call fails.
pub async fn measure(plan: &Plan, server: &Server) -> Result<Vec<Figure>, Failed> {
    let (wrk, (tool, arguments)) = (Wrk::new()?, call_module_tool());
    let load = wrk.run(&server.process.mcp, tool, &arguments, plan.steady);
    tokio::pin!(load);
    let mut ticks = tokio::time::interval(plan.sample);
    let mut resident = Vec::new();
    let load = loop {
        tokio::select! {
            load = &mut load => break load?,
            _ = ticks.tick() => {
                resident.push(server.process.resident()?);
                server.truncate_log()?;
            }
        }
    };
    let quarter = (resident.len() / 4).max(1);
    let of = |from: usize| median(resident.iter().copied().skip(from).take(quarter));
    let (early, late) = (of(quarter), of(resident.len().saturating_sub(quarter)));
    let most = resident.iter().copied().fold(0.0, f64::max);
    let mb = |bytes: f64| bytes / 1e6;
    let span = format!("{} s of {CONNECTIONS} connections", plan.steady.as_secs());
    Ok(vec![
        Figure::new(
            format!("calls that fail in {span}"),
            "none",
            format!(
                "{} of {}, at {:.0} a second; the slowest took {:.0} ms",
                load.errors + load.wrong,
                load.calls,
                load.rate(),
                load.max_ms
            ),
            load.errors + load.wrong == 0 && load.calls > 0,
        ),
        Figure::new(
            "memory in that time: its second quarter, its last, its most",
            "flat: within 2 MiB",
            format!(
                "{:.1} MB, {:.1} MB, {:.1} MB ({:+.1} bytes a call)",
                mb(early),
                mb(late),
                mb(most),
                // Half of the calls are between the middles of the two quarters.
                (late - early) / (load.calls.max(2) as f64 / 2.0)
            ),
            late - early <= MAX_GROWTH,
        ),
    ])
}
