//! How long, how often and how fast.

use std::time::Duration;

use serde::Serialize;

use crate::blast_radius::Plan;

/// The numbers of a run.
#[derive(Debug, Clone, Serialize)]
pub struct AttackPlan {
    /// Load before measuring begins.
    pub warm_up: Duration,
    /// The window with the attack, once it is in place.
    pub window: Duration,
    /// Each of the two windows without it.
    pub calm: Duration,
    /// Calls per second on each honest module.
    pub rate: u32,
    /// The timeout of an honest call.
    pub timeout: Duration,
    /// The pause of an attacker before its next action.
    pub pause: Duration,
    /// The settings of the honest vaults. Their caches are off, so each call reads from its vault.
    pub(crate) settings: &'static str,
}

/// Vaults are asked on each call.
const UNCACHED: &str = "probe_interval = \"1s\"\ncache_ttl = \"0s\"\nstale_for = \"0s\"\n";

/// The same on a machine that does other things, too: only what hangs fails.
const UNCACHED_AND_PATIENT: &str = "attempt_timeout = \"10s\"\ndeadline = \"15s\"\nprobe_interval = \"1s\"\n\
     cache_ttl = \"0s\"\nstale_for = \"0s\"\n";

impl AttackPlan {
    /// As long and with as many calls as a scenario of the blast radius.
    pub fn full() -> Self {
        let plan = Plan::full();
        Self {
            warm_up: plan.warm_up,
            window: plan.window,
            calm: plan.calm,
            rate: plan.rate,
            timeout: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            settings: UNCACHED,
        }
    }

    /// Long enough for some hundred calls; proves nothing about times.
    pub fn quick() -> Self {
        Self {
            warm_up: Duration::from_millis(500),
            window: Duration::from_secs(4),
            calm: Duration::from_millis(500),
            rate: 10,
            timeout: Duration::from_secs(20),
            pause: Duration::from_millis(200),
            settings: UNCACHED_AND_PATIENT,
        }
    }
}
