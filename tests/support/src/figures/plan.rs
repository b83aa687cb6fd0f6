//! How long and how often to measure.

use std::time::Duration;

/// The number of connections of the load.
pub(crate) const CONNECTIONS: usize = 16;

/// How long and how often to measure.
#[derive(Debug)]
pub struct Plan {
    /// How often the two servers are called in turn.
    pub rounds: usize,
    /// How long each is called in a round.
    pub round: Duration,
    /// How often each start is measured.
    pub starts: usize,
    /// The number of modules of the large profile.
    pub(crate) modules: usize,
    /// How long a server is left alone before it counts as idle.
    pub(crate) idle: Duration,
    /// How long steady load lasts.
    pub(crate) steady: Duration,
    /// How often memory is sampled during steady load.
    pub(crate) sample: Duration,
}

impl Plan {
    /// For the figures of the documents; `long`: steady load lasts for five minutes.
    pub fn full(long: bool, modules: usize) -> Self {
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

    /// Enough to see that everything works.
    pub fn quick() -> Self {
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
