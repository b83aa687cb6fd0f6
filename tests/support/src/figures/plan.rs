//! How long and how often is measured.

use std::time::Duration;

/// How many connections the load has.
pub(crate) const CONNECTIONS: usize = 16;

/// How long and how often is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How often the two servers are called in turn.
    pub(crate) rounds: usize,
    /// How long each is called in a round.
    pub(crate) round: Duration,
    /// How often each start is measured.
    pub(crate) starts: usize,
    /// How many modules there are where there are many.
    pub(crate) modules: usize,
    /// How long a server is left alone before it counts as idle.
    pub(crate) idle: Duration,
    /// How long steady load lasts.
    pub(crate) steady: Duration,
    /// How often memory is looked at while it does.
    pub(crate) sample: Duration,
}

impl Plan {
    /// What the README's figures are measured with; `long`: steady load lasts for five minutes.
    pub(crate) fn full(long: bool, modules: usize) -> Self {
        Self {
            rounds: 8,
            round: Duration::from_secs(5),
            starts: 7,
            modules,
            idle: Duration::from_secs(3),
            steady: Duration::from_secs(if long { 300 } else { 20 }),
            sample: Duration::from_millis(500),
        }
    }

    /// Enough to see that all works.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 1,
            round: Duration::from_secs(1),
            starts: 1,
            modules: 20,
            idle: Duration::ZERO,
            steady: Duration::from_secs(2),
            sample: Duration::from_millis(100),
        }
    }
}
