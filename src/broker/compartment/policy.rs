//! The policy of a compartment: the keys of a `[vaults.NAME]` table that every backend has.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// Number of threads that may hang in probes at once.
///
/// With one, a single thread stuck in a dead mount would block every later probe. With no bound, each interval would
/// leave one more thread behind.
pub(crate) const PROBE_THREADS: usize = 2;

/// How a compartment treats its vault. Every key has a default; durations are strings with units (`"2s"`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompartmentPolicy {
    /// Time limit of one attempt, counted from when it has its permit. Default `"2s"`; zero is rejected.
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub attempt_timeout: Duration,
    /// Time limit of one read, shared by all callers that wait for it: attempts, pauses and queueing together.
    /// Default `"5s"`; zero is rejected. A value below `attempt_timeout` also limits each attempt.
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub deadline: Duration,
    /// Maximum number of retries of a failed attempt. Default 2; zero disables retries, the one after a new login included.
    pub retries: u32,
    /// Maximum number of concurrent requests to the vault. Default 16; zero is rejected.
    pub max_in_flight: usize,
    /// Maximum number of callers that wait for the vault; one more gets `module_unavailable`. Default 1024; zero is rejected.
    pub max_waiting: usize,
    /// When the circuit opens.
    pub breaker: BreakerPolicy,
    /// Shortest time between two probes of a vault that is down; jitter adds up to a tenth. Default `"5s"`; zero is rejected.
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub probe_interval: Duration,
    /// How long a secret is served from memory before it is read again. Default `"5m"`; zero reads the vault on every call
    /// (concurrent calls share one read) and does not affect `stale_for`. A secret with a lease is served for as long as
    /// its lease lasts, because reading it again would create another lease.
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub cache_ttl: Duration,
    /// Maximum number of secrets in memory; the least recently used is evicted first. Default 10000; zero disables the
    /// cache, so that nothing is served while the vault is unreachable.
    pub cache_entries: u64,
    /// How long the absence or denial of a secret is cached. Default `"5s"`; zero asks the vault each time.
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub missing_ttl: Duration,
    /// How long a secret may be served after its last confirmation while the vault is unreachable. Default `"1h"`;
    /// zero serves nothing stale. A secret with a lease is served for as long as its lease lasts.
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub stale_for: Duration,
    /// Shortest time between two reads of a secret version that the service rejects. Default `"30s"`; zero reads after
    /// each rejection (concurrent rejections share one read).
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub reject_interval: Duration,
}

impl CompartmentPolicy {
    /// The keys in a profile.
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

    /// Number of threads that the vault's [`Threads`](cofferdam_vault::Threads) must have: one for each permit, and those
    /// of the probes. With fewer, hung calls would take the thread that a probe needs, and the vault would never recover.
    pub fn threads(&self) -> usize {
        self.max_in_flight.saturating_add(PROBE_THREADS)
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

/// When the circuit opens: after `failures` failures within `window`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Number of failures that open the circuit. Default 5; zero is rejected.
    pub failures: u32,
    /// The period in which failures are counted. Default `"10s"`; zero is rejected. It is at least `failures` times
    /// `deadline`, because a vault that hangs fails no faster.
    #[serde(deserialize_with = "cofferdam_config::duration::deserialize")]
    #[schemars(with = "String")]
    pub window: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, window: Duration::from_secs(10) }
    }
}
