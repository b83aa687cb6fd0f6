//! What a call pays for a credential that is in memory: the broker alone, in this process.

use std::hint::black_box;
use std::time::Instant;

use cofferdam::access::Caller;

use super::figure::{Figure, median, span};
use super::{Failed, Plan};
use crate::world;

/// How many rounds there are.
const ROUNDS: usize = 15;

/// Resolves one secret again and again.
pub(crate) async fn resolve(plan: &Plan) -> Result<Vec<Figure>, Failed> {
    let broker = world::broker().await;
    let (caller, deadline) = (Caller::local(), world::soon());
    let rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..plan.resolves {
                black_box(world::resolve(&broker, &caller, world::PLAIN, deadline));
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(plan.resolves)
        })
        .collect();
    let found = median(rounds.iter().copied());
    Ok(vec![Figure::new(
        "a credential that is in memory (broker only)",
        "≤ 0.5 µs",
        format!("{found:.2} µs ({})", span(rounds, 2)),
        found <= 0.5,
    )])
}
