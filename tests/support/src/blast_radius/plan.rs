//! How long, how often, and with which settings of the vaults.

use std::time::Duration;

use serde::Serialize;

/// The numbers of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Load before measuring begins: it opens connections and fills caches.
    pub warm_up: Duration,
    /// The window with the fault.
    pub window: Duration,
    /// Each of the two windows without it.
    pub calm: Duration,
    /// Calls per second on each module of the vaults that every scenario has.
    pub rate: u32,
    /// The numbers of runs after which a scenario is judged again while its ratio of p99 exceeds [`MAX_RATIO`]; the medians
    /// of all runs count.
    pub repeats: &'static [usize],
    /// The largest number of such further runs in total.
    pub further: usize,
    /// The settings of every vault.
    pub settings: &'static str,
    /// The `deadline` among them.
    pub deadline: Duration,
}

/// The largest ratio of the others' p99 with the fault to the p99 without it.
pub const MAX_RATIO: f64 = 1.2;

/// The largest number of probe intervals from the repair until a vault is back.
pub const MAX_INTERVALS: f64 = 1.5;

/// Calls per second on the module of a vault that starts a program for each read, or that a desktop has. Load and program
/// share the machine with the server.
pub const ADDED_RATE: f64 = 5.0;

/// The `probe_interval`, in every plan.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// The default settings with a fifth of every duration, so that a window contains several intervals.
const FIFTHS: &str = r#"attempt_timeout = "400ms"
deadline = "1s"
breaker = { failures = 5, window = "2s" }
probe_interval = "1s"
missing_ttl = "1s"
reject_interval = "6s"
"#;

/// Settings for machines that pause now and then: an attempt may take longer, and fewer failures open the breaker.
const PATIENT: &str = r#"attempt_timeout = "1s"
deadline = "2500ms"
breaker = { failures = 2, window = "10s" }
probe_interval = "1s"
missing_ttl = "1s"
"#;

/// The cache on, with a short lifetime: a cache of five minutes would not notice a fault of five seconds.
pub(crate) const CACHE_ON: &str = "cache_ttl = \"500ms\"\nstale_for = \"1h\"\n";

/// The cache off: every call reads from its vault.
pub(crate) const CACHE_OFF: &str = "cache_ttl = \"0s\"\nstale_for = \"0s\"\n";

impl Plan {
    /// Long enough for a p99: more than 2,000 calls per window on the four others.
    pub fn full() -> Self {
        Self {
            warm_up: Duration::from_millis(1500),
            window: Duration::from_millis(4500),
            calm: Duration::from_millis(4500),
            rate: 120,
            repeats: &[5, 9],
            further: 24,
            settings: FIFTHS,
            deadline: Duration::from_secs(1),
        }
    }

    /// Long enough for a breaker to open and a vault to come back, but not for a p99.
    pub fn quick() -> Self {
        Self {
            warm_up: Duration::from_millis(500),
            window: Duration::from_secs(5),
            calm: Duration::from_millis(500),
            rate: 20,
            repeats: &[],
            further: 0,
            settings: PATIENT,
            deadline: Duration::from_millis(2500),
        }
    }
}
