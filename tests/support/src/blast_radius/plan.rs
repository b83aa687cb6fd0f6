//! How long, how often, and behind which walls.

use std::time::Duration;

use serde::Serialize;

/// The numbers of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plan {
    /// Load that is not measured: connections are made, caches are filled.
    pub(crate) warm_up: Duration,
    /// The window with the fault.
    pub(crate) window: Duration,
    /// Each of the two windows without it.
    pub(crate) calm: Duration,
    /// Calls a second on each module.
    pub(crate) rate: u32,
    /// How often a scenario is run as long as its ratio of p99 is over [`MAX_RATIO`]; the medians of all runs then count.
    pub(crate) repeats: &'static [usize],
    /// How many such further runs there may be in all.
    pub(crate) further: usize,
    /// The walls of every vault.
    pub(crate) walls: &'static str,
    /// The `deadline` among them.
    pub(crate) deadline: Duration,
}

/// How much slower the others' p99 may be than without the fault.
pub(crate) const MAX_RATIO: f64 = 1.2;

/// How many probe intervals a vault may take to be back, from when it was mended.
pub(crate) const MAX_INTERVALS: f64 = 1.5;

/// The walls' `probe_interval`, in every plan.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// The walls of every vault: the defaults, with every time a fifth of its default so that a window sees several intervals.
const FIFTHS: &str = r#"attempt_timeout = "400ms"
deadline = "1s"
breaker = { failures = 5, window = "2s" }
probe_interval = "1s"
missing_ttl = "1s"
reject_interval = "6s"
"#;

/// Walls for machines that stand still now and then: an attempt may take longer, and fewer failures are enough.
const PATIENT: &str = r#"attempt_timeout = "1s"
deadline = "2500ms"
breaker = { failures = 2, window = "10s" }
probe_interval = "1s"
missing_ttl = "1s"
"#;

/// The cache on: short-lived, for a cache of five minutes would not even notice a fault of five seconds.
pub(crate) const CACHE_ON: &str = "cache_ttl = \"500ms\"\nstale_for = \"1h\"\n";

/// The cache off: every call asks its vault.
pub(crate) const CACHE_OFF: &str = "cache_ttl = \"0s\"\nstale_for = \"0s\"\n";

impl Plan {
    /// Long enough for a p99: over 1,600 calls a window on the three others.
    pub(crate) fn full() -> Self {
        Self {
            warm_up: Duration::from_millis(1500),
            window: Duration::from_millis(4500),
            calm: Duration::from_millis(4500),
            rate: 120,
            repeats: &[5, 9],
            further: 24,
            walls: FIFTHS,
            deadline: Duration::from_secs(1),
        }
    }

    /// Long enough to see a breaker open and a vault come back; says nothing about a p99.
    pub(crate) fn quick() -> Self {
        Self {
            warm_up: Duration::from_millis(500),
            window: Duration::from_secs(5),
            calm: Duration::from_millis(500),
            rate: 20,
            repeats: &[],
            further: 0,
            walls: PATIENT,
            deadline: Duration::from_millis(2500),
        }
    }
}
