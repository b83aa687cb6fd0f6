//! The settings of a compartment's walls: the keys of a `[vaults.NAME]` table that every backend has.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The settings of the walls around one vault. Every key has a default; durations are text with units (`"2s"`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompartmentPolicy {
    /// How long one attempt at the vault may take, counted from when it has its permit. Default `"2s"`; zero is refused.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub attempt_timeout: Duration,
    /// How long one read for all who wait may take: its attempts, its pauses and our own queue together.
    /// Default `"5s"`; zero is refused. Shorter than `attempt_timeout`, it is an attempt's time-out too.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub deadline: Duration,
    /// How many more attempts a failed one is worth. Default 2; zero means one attempt only, a new login included.
    pub retries: u32,
    /// How many requests may be at the vault at once. Default 16; zero is refused.
    pub max_in_flight: usize,
    /// How many callers may wait for the vault at once; one more is answered `module_unavailable`. Default 1024; zero is refused.
    pub max_waiting: usize,
    /// When the vault counts as given up.
    pub breaker: BreakerPolicy,
    /// How often a vault that is down is looked at, at most; up to a tenth longer, at random. Default `"5s"`; zero is refused.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub probe_interval: Duration,
    /// How long a secret is served from memory before it is read anew. Default `"5m"`; zero reads the vault on every call
    /// (calls at the same moment share one read), and leaves `stale_for` as it is. A secret with a lease is served for as long
    /// as its lease instead: reading it again would make another one.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub cache_ttl: Duration,
    /// How many secrets are kept in memory; the one not used for longest goes first. Default 10000; zero keeps none,
    /// so that nothing is served while the vault is out of reach.
    pub cache_entries: u64,
    /// How long an absent or denied secret is remembered as that. Default `"5s"`; zero asks the vault each time.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub missing_ttl: Duration,
    /// How long after it was last confirmed a secret may be served while the vault is out of reach. Default `"1h"`;
    /// zero serves nothing stale. A secret with a lease is served for as long as its lease instead.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub stale_for: Duration,
    /// How often a credential that the service rejects is read anew, per secret version. Default `"30s"`; zero re-reads at each
    /// rejection (those at the same moment share one re-read).
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub reject_interval: Duration,
}

impl CompartmentPolicy {
    /// The keys, as they stand in a profile.
    pub const KEYS: [&str; 12] = [
        "attempt_timeout",
        "deadline",
        "retries",
        "max_in_flight",
        "max_waiting",
        "breaker",
        "probe_interval",
        "cache_ttl",
        "cache_entries",
        "missing_ttl",
        "stale_for",
        "reject_interval",
    ];

    /// How many threads the vault's [`Threads`](cofferdam_vault::Threads) must have: one for each permit, and those of
    /// the probes. With fewer, hung calls would take the thread that a probe needs, and the vault never came back.
    pub fn threads(&self) -> usize {
        self.max_in_flight.saturating_add(super::probe::THREADS)
    }
}

impl Default for CompartmentPolicy {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(5),
            retries: 2,
            max_in_flight: 16,
            max_waiting: 1024,
            breaker: BreakerPolicy::default(),
            probe_interval: Duration::from_secs(5),
            cache_ttl: Duration::from_secs(5 * 60),
            cache_entries: 10_000,
            missing_ttl: Duration::from_secs(5),
            stale_for: Duration::from_secs(60 * 60),
            reject_interval: Duration::from_secs(30),
        }
    }
}

/// When the breaker opens: after `failures` that count within `window`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerPolicy {
    /// How many failures open it. Default 5; zero is refused.
    pub failures: u32,
    /// Within which time. Default `"10s"`; zero is refused. Shorter than `failures` times `deadline`, it is that long:
    /// a vault that hangs fails no faster.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub window: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, window: Duration::from_secs(10) }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|_| {
        D::Error::custom(format!(
            "`{}` is no duration; write for example \"5s\" or \"2m\"",
            text.escape_debug()
        ))
    })
}
