//! What a call pays for a credential that is in memory: the broker alone, in this process.

use std::hint::black_box;
use std::time::Instant;

use cofferdam::caller::Caller;

use super::Failed;
use super::figure::Figure;
use crate::measure::median;
use crate::warm_broker;

/// The number of rounds, and of resolves in each: few enough that most rounds are not interrupted by another process.
const ROUNDS: usize = 501;
const RESOLVES: u32 = 1000;

/// Resolves one secret again and again.
///
/// # Errors
///
/// None; the other measurements can fail.
pub async fn resolve() -> Result<Vec<Figure>, Failed> {
    let broker = warm_broker::broker().await;
    let (caller, deadline) = (Caller::local(), warm_broker::soon());
    let rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..RESOLVES {
                black_box(warm_broker::resolve(&broker, &caller, warm_broker::PLAIN, deadline));
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(RESOLVES)
        })
        .collect();
    let found = median(rounds.iter().copied());
    Ok(vec![Figure::new(
        "a credential that is in memory (broker only)",
        "≤ 0.5 µs",
        format!(
            "{found:.2} µs; in the best round {:.2} µs",
            rounds.iter().copied().fold(f64::INFINITY, f64::min)
        ),
        found <= 0.5,
    )])
}
