//! What the example `soak` measures: honest calls beside mixed attacks for minutes, and the size of the server meanwhile.
//!
//! ```text
//! start → warm-up → idle → honest calls and attacks → rest
//! ```

mod outcome;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

pub use outcome::{Size, SoakOutcome};

use crate::attacks::{
    Attack, AttackedServer, Conditions, Fixture, HONEST, HealthPoller, Ongoing, Pace, honest_names,
};
use crate::blast_radius::load::Load;
use crate::{Failed, Program};

/// The attacks that go on at once.
const ATTACKS: [Attack; 9] = [
    Attack::HostileAnswer,
    Attack::CompressedAnswer,
    Attack::HostileRequest,
    Attack::IdleConnections,
    Attack::UnfinishedRequests,
    Attack::UnreadConnections,
    Attack::SerializedCalls,
    Attack::InFlightCalls,
    Attack::HungVaultCalls,
];

/// The server's `max_calls`: less than the attackers alone make at once.
const MAX_CALLS: usize = 100;

/// The server's limit of open files: less than there are idle connections.
const DESCRIPTORS: u32 = 1024;

/// The settings of the honest vaults. Their caches are off, so each call reads from its vault.
const SETTINGS: &str = "probe_interval = \"1s\"\ncache_ttl = \"0s\"\nstale_for = \"0s\"\n";

/// The timeout of an honest call.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The numbers of a run.
#[derive(Debug, Clone, Serialize)]
pub struct SoakPlan {
    /// How long the attacks go on.
    pub length: Duration,
    /// Honest calls alone, before the idle size is measured.
    pub warm_up: Duration,
    /// How long nothing happens before each of the two sizes without load.
    pub settle: Duration,
    /// How long nothing happens after the attacks.
    pub rest: Duration,
    /// How often the size is sampled.
    pub sample: Duration,
    /// Calls per second on each honest module.
    pub rate: u32,
    /// The mean pause of an attacker before its next action.
    pub pause: Duration,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl SoakPlan {
    /// A run of this length.
    pub fn new(length: Duration, seed: u64) -> Self {
        Self {
            length,
            warm_up: Duration::from_secs(5),
            settle: Duration::from_secs(5),
            rest: Duration::from_secs(60),
            sample: Duration::from_secs(5),
            rate: 5,
            pause: Duration::from_secs(2),
            seed,
        }
    }
}

/// Runs it. `seen` gets each size as it is sampled.
///
/// # Errors
///
/// If the server or the load cannot be run.
pub async fn run(
    program: &Program,
    plan: &SoakPlan,
    mut seen: impl FnMut(&Size),
) -> Result<SoakOutcome, Failed> {
    let fixture = Fixture::start().await?;
    let conditions =
        Conditions { max_calls: Some(MAX_CALLS), descriptors: Some(DESCRIPTORS), own_names: false };
    let mut server = fixture.serve(program, conditions, SETTINGS).await?;
    start_load(&server, plan)?.stop_after(plan.warm_up).await;
    sleep(plan.settle).await;
    let idle = Size::sample(server.id(), Duration::ZERO)?;

    let mut load = start_load(&server, plan)?.0;
    let health = HealthPoller::start(server.public_url(), server.admin_url())?;
    let attacks = start_attacks(&fixture, &server, plan)?;
    let (started, mut sizes) = (Instant::now(), Vec::new());
    while started.elapsed() < plan.length && server.is_running()? {
        sleep(plan.sample.min(plan.length.saturating_sub(started.elapsed()))).await;
        let Ok(mut size) = Size::sample(server.id(), started.elapsed()) else { break };
        (size.calls, size.good) = count(&load);
        seen(&size);
        sizes.push(size);
    }
    load.stop().await;
    let (calls, good) = count(&load);
    let health = health.stop().await;
    // It ends the attacks, one after the other.
    let attacks = attacks.into_iter().map(|(attack, ongoing)| (attack, ongoing.answers())).collect();
    sleep(plan.rest).await;
    let after = Size::sample(server.id(), started.elapsed()).ok();
    let mut outcome = SoakOutcome {
        seed: plan.seed,
        idle,
        sizes,
        after,
        calls,
        good,
        failures: failures(&load),
        health,
        attacks,
        peak_mib: server.peak()? / (1024 * 1024),
        promises: Vec::new(),
    };
    outcome.promises = outcome.judge(server.is_running()?, server.kills()?);
    Ok(outcome)
}

/// Running honest load.
struct HonestLoad(Load);

impl HonestLoad {
    async fn stop_after(mut self, length: Duration) {
        sleep(length).await;
        self.0.stop().await;
    }
}

/// Each call opens a connection of its own: the attacks must not keep others from connecting.
fn start_load(server: &AttackedServer, plan: &SoakPlan) -> Result<HonestLoad, Failed> {
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).pool_max_idle_per_host(0).build()?;
    Ok(HonestLoad(Load::start_with(client, server.mcp(), &honest_names(), f64::from(plan.rate))?))
}

fn start_attacks(
    fixture: &Fixture,
    server: &AttackedServer,
    plan: &SoakPlan,
) -> Result<Vec<(Attack, Ongoing)>, Failed> {
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let start = |attack: Attack| {
        let pace = Pace { pause: plan.pause, seed: Some(random.u64(..)) };
        Ok((attack, attack.start(fixture, server, pace)?))
    };
    ATTACKS.into_iter().map(start).collect()
}

/// The errors of honest calls, with their numbers.
fn failures(load: &Load) -> BTreeMap<String, usize> {
    let mut failures = BTreeMap::new();
    for error in (0..HONEST.len()).flat_map(|index| load.samples(index)).filter_map(|sample| sample.error) {
        *failures.entry(error).or_default() += 1;
    }
    failures
}

/// All honest calls so far, and those with the right response.
fn count(load: &Load) -> (usize, usize) {
    let samples = (0..HONEST.len()).flat_map(|index| load.samples(index));
    samples.fold((0, 0), |(calls, good), sample| (calls + 1, good + usize::from(sample.error.is_none())))
}
