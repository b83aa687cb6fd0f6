//! One scenario: a fault in one vault of a running server, between windows without one.
//!
//! ```text
//! start → warm-up → A → A' (control) → fault: F → repair: recovery
//! stopped at start:      fault → start → warm-up → F → repair: recovery → A → A'
//! ```

use std::time::{Duration, Instant, SystemTime};

use tokio::time::sleep;

use super::comparison::Window;
use super::load::Load;
use super::outcome::Evidence;
use super::plan::{INTERVAL, MAX_INTERVALS};
use super::profile::MODULES;
use super::proxy::CountingProxy;
use super::server::Server;
use super::{Failed, Fault, Fixture, Outcome, Plan, Program, Target};

/// How often to check for what is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long to wait for a recovery, in probe intervals: longer than is promised, to see how long it takes.
const TIMEOUT: f64 = 4.0 * MAX_INTERVALS;

/// How long the load continues after the recovery.
const AFTER_RECOVERY: Duration = Duration::from_millis(300);

/// A fault in a vault, with the caches of all vaults on or off.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The faulty vault.
    pub target: Target,
    /// Its fault.
    pub fault: Fault,
    /// Whether the caches are on.
    pub cache: bool,
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cache = if self.cache { "on" } else { "off" };
        write!(f, "{} × {}, cache {cache}", self.target, self.fault)
    }
}

impl Scenario {
    /// All scenarios.
    pub fn all() -> Vec<Self> {
        let of = |cache| {
            [Target::Hashicorp, Target::Aws, Target::Age, Target::Kubernetes].into_iter().flat_map(
                move |target| target.faults().iter().map(move |&fault| Self { target, fault, cache }),
            )
        };
        of(false).chain(of(true)).collect()
    }
}

/// When the vault was repaired, and when it was back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recovery {
    pub(crate) repaired: Instant,
    /// When the first correct response to a later call arrived.
    pub(crate) good: Option<Instant>,
    /// When its state was `ready`.
    pub(crate) ready: Option<Instant>,
}

/// Runs `scenario` and leaves the fixture as it was.
///
/// # Errors
///
/// If a server or the load cannot be run.
pub async fn run(
    fixture: &mut Fixture,
    program: &Program,
    plan: &Plan,
    scenario: Scenario,
) -> Result<Outcome, Failed> {
    let mut injected = false;
    let evidence = gather(fixture, program, plan, scenario, &mut injected).await;
    // The next scenario needs vaults that work, also after an error.
    if injected && evidence.is_err() {
        fixture.repair(scenario).await?;
    }
    fixture.restore()?;
    Ok(Outcome::new(scenario, evidence?))
}

async fn gather(
    fixture: &mut Fixture,
    program: &Program,
    plan: &Plan,
    scenario: Scenario,
    injected: &mut bool,
) -> Result<Evidence, Failed> {
    let at_start = scenario.fault == Fault::StoppedAtStart;
    let profile = fixture.prepare(plan, scenario)?;
    if let Some(proxy) = fixture.proxy(scenario.target) {
        proxy.reset();
    }
    if at_start {
        *injected = true;
        fixture.inject(scenario).await?;
    }
    let server = Server::start(program, &profile, fixture.client.clone())?;
    let modules = MODULES.map(str::to_owned);
    let mut load = Load::start(&server.mcp, &modules, f64::from(plan.rate))?;
    sleep(plan.warm_up).await;
    let measured = Instant::now();

    let (baseline, control, faulty, recovery, repaired);
    if at_start {
        faulty = window(plan.window).await;
        (recovery, repaired) = recover(fixture, &server, &load, scenario).await?;
        *injected = false;
        sleep(AFTER_RECOVERY).await;
        baseline = window(plan.calm).await;
        control = window(plan.calm).await;
    } else {
        baseline = window(plan.calm).await;
        control = window(plan.calm).await;
        *injected = true;
        let start = Instant::now();
        fixture.inject(scenario).await?;
        sleep(plan.window.saturating_sub(start.elapsed())).await;
        faulty = Window { start, end: Instant::now() };
        (recovery, repaired) = recover(fixture, &server, &load, scenario).await?;
        *injected = false;
        sleep(AFTER_RECOVERY).await;
    }
    load.stop().await;
    Ok(Evidence {
        samples: (0..MODULES.len()).map(|index| load.samples(index)).collect(),
        all: Window { start: measured, end: Instant::now() },
        baseline,
        control,
        faulty,
        recovery,
        repaired,
        deadline: plan.deadline,
        open: server.open_periods(&scenario.target.vault()),
        seen: fixture.proxy(scenario.target).map(CountingProxy::seen),
    })
}

async fn window(length: Duration) -> Window {
    let start = Instant::now();
    sleep(length).await;
    Window { start, end: Instant::now() }
}

/// Repairs the vault and waits until it is back; returns also when the repair began, by the system's clock.
async fn recover(
    fixture: &mut Fixture,
    server: &Server,
    load: &Load,
    scenario: Scenario,
) -> Result<(Recovery, SystemTime), Failed> {
    let began = SystemTime::now();
    fixture.repair(scenario).await?;
    let repaired = Instant::now();
    let index = MODULES.iter().position(|&module| module == scenario.target.module()).unwrap_or_default();
    let mut recovery = Recovery { repaired, good: None, ready: None };
    while repaired.elapsed() < INTERVAL.mul_f64(TIMEOUT) {
        let vault = scenario.target.vault();
        if recovery.ready.is_none() && server.ready(|name| name == vault).await? == 1 {
            recovery.ready = Some(Instant::now());
        }
        recovery.good = load.good_since(index, repaired);
        if recovery.good.is_some() && recovery.ready.is_some() {
            break;
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok((recovery, began))
}
