//! One attack on a running server between windows without one, and what it cost the others.
//!
//! ```text
//! start → warm-up → A → A' (control) → attack, until it is in place → F
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

use super::modules::honest_names;
use super::{
    Attack, AttackPlan, AttackedServer, Failed, Fixture, Health, HealthPoller, Ongoing, Pace, Program,
};
use crate::blast_radius::comparison::Window;
use crate::blast_radius::load::{Load, Sample};
use crate::blast_radius::{Comparison, Figures, Promise, Windows};
use crate::measure::ProcessStatus;

/// How long to wait until an attack is in place.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How often to check for it.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The outcome of an attack.
#[derive(Debug, Clone, Serialize)]
pub struct AttackOutcome {
    /// The attack.
    pub attack: Attack,
    /// The honest modules in each run.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Health checks during the attack.
    pub health: Health,
    /// What the attackers got, with its number.
    pub answers: BTreeMap<String, usize>,
    /// The most memory that the server has used, in MiB, with the kernel's part.
    pub peak_mib: u64,
    /// The number of its threads in the attack.
    pub threads: Option<u64>,
}

impl AttackOutcome {
    /// Adds another run of the same attack: its times, and the promises that it broke.
    pub fn add(&mut self, again: Self) {
        self.comparison.add(again.comparison);
        self.peak_mib = self.peak_mib.max(again.peak_mib);
    }
}

/// Runs `attack` on a new server.
///
/// # Errors
///
/// If the server or the load cannot be run.
pub async fn measure(
    fixture: &Fixture,
    program: &Program,
    plan: &AttackPlan,
    attack: Attack,
) -> Result<AttackOutcome, Failed> {
    let mut server = fixture.serve(program, attack.conditions(), plan.settings).await?;
    let mut load =
        Load::start_with(client(plan, attack)?, server.mcp(), &honest_names(), f64::from(plan.rate))?;
    sleep(plan.warm_up).await;
    let measured = Instant::now();
    let baseline = window(plan.calm).await;
    let control = window(plan.calm).await;
    let ongoing = attack.start(fixture, &server, Pace { pause: plan.pause, seed: None })?;
    let in_place = wait_until_in_place(&ongoing, &mut server).await?;
    sleep(attack.settles_in()).await;
    let health = HealthPoller::start(server.public_url(), server.admin_url())?;
    let attacked = window(plan.window).await;
    let threads = ProcessStatus::read(server.id()).and_then(|status| status.threads()).ok();
    // The attack goes on until the calls and checks that began during it have ended.
    load.stop().await;
    let health = health.stop().await;
    let alive = server.is_running()?;
    let (answers, begun, ended) = (ongoing.answers(), ongoing.begun(), ongoing.ended());
    drop(ongoing);

    let samples: Vec<Sample> = (0..honest_names().len()).flat_map(|index| load.samples(index)).collect();
    let of = |window: Window| Figures::from_samples(samples.iter().filter(|sample| window.holds(sample)));
    let whole = Window { start: measured, end: Instant::now() };
    let windows = Windows { baseline: of(baseline), control: of(control), fault: of(attacked) };
    let mut outcome = AttackOutcome {
        attack,
        comparison: Comparison::new(of(whole), windows),
        health,
        answers,
        peak_mib: server.peak()? / (1024 * 1024),
        threads,
    };
    let promise = |name, kept, found| Promise { name, kept, found };
    let Comparison { others, runs, .. } = &outcome.comparison;
    let health = &outcome.health;
    outcome.comparison.promises = vec![
        promise(
            "the process lives",
            alive,
            match (alive, server.kills()?) {
                (true, _) => format!("at most {} MiB", outcome.peak_mib),
                (false, 0) => "it has ended".to_owned(),
                (false, kills) => format!("killed {kills} times for its memory, at {} MiB", outcome.peak_mib),
            },
        ),
        promise(
            "the attack takes place",
            in_place,
            format!("{begun} actions begun, {ended} ended: {}", list(&outcome.answers)),
        ),
        promise(
            "the others answer",
            others.good == others.calls && runs[0].fault.calls > 0,
            format!("{} of {}: {}", others.good, others.calls, list(&errors(&samples, whole))),
        ),
        promise("health answers", health.good == health.checks && health.checks > 0, health.to_string()),
    ];
    Ok(outcome)
}

/// The client of the honest calls.
fn client(plan: &AttackPlan, attack: Attack) -> Result<reqwest::Client, Failed> {
    let idle = if attack.on_connections() { 0 } else { usize::MAX };
    Ok(reqwest::Client::builder().no_proxy().timeout(plan.timeout).pool_max_idle_per_host(idle).build()?)
}

async fn window(length: Duration) -> Window {
    let start = Instant::now();
    sleep(length).await;
    Window { start, end: Instant::now() }
}

/// Returns whether the attack is in place: not if the process has ended, or too much time has passed.
async fn wait_until_in_place(ongoing: &Ongoing, server: &mut AttackedServer) -> Result<bool, Failed> {
    let end = Instant::now() + TIMEOUT;
    while !ongoing.is_in_place() {
        if Instant::now() > end || !server.is_running()? {
            return Ok(false);
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(true)
}

/// The errors of the calls in `window`, with their numbers.
fn errors(samples: &[Sample], window: Window) -> BTreeMap<String, usize> {
    let mut errors = BTreeMap::new();
    for error in
        samples.iter().filter(|sample| window.holds(sample)).filter_map(|sample| sample.error.as_ref())
    {
        *errors.entry(error.clone()).or_default() += 1;
    }
    errors
}

/// `rate_limited 3, ok 2`; a dash if there is nothing.
fn list(counts: &BTreeMap<String, usize>) -> String {
    match counts.is_empty() {
        true => "–".to_owned(),
        false => counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", "),
    }
}
