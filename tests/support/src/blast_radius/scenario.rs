//! One scenario: a fault in one vault of a running server, between windows without one.
//!
//! ```text
//! start → warm-up → A → A' (control) → fault: F → mended: recovery
//! stopped at start:      fault → start → warm-up → F → mended: recovery → A → A'
//! ```

use std::time::{Duration, Instant, SystemTime};

use tokio::time::sleep;

use super::judge::{Evidence, Window};
use super::load::Load;
use super::plan::{INTERVAL, MAX_INTERVALS};
use super::profile::MODULES;
use super::server::Server;
use super::{Failed, Fault, Outcome, Plan, Program, Target, World};

/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How long a recovery is waited for, in probe intervals: longer than is promised, to see how long it takes.
const PATIENCE: f64 = 4.0 * MAX_INTERVALS;

/// How long the load runs on after the recovery.
const SETTLES: Duration = Duration::from_millis(300);

/// A fault in a vault, with the caches of all vaults on or off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) target: Target,
    pub(crate) fault: Fault,
    pub(crate) cache: bool,
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cache = if self.cache { "on" } else { "off" };
        write!(f, "{} × {}, cache {cache}", self.target, self.fault)
    }
}

impl Scenario {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        let of = |cache| {
            [Target::Hashicorp, Target::Aws, Target::Age].into_iter().flat_map(move |target| {
                target.faults().iter().map(move |&fault| Self { target, fault, cache })
            })
        };
        of(false).chain(of(true)).collect()
    }
}

/// When the vault was mended, and when it was found to be back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recovery {
    pub(crate) mended: Instant,
    /// When the first right answer came to a call that was sent after that.
    pub(crate) good: Option<Instant>,
    /// When its state was `ready`.
    pub(crate) ready: Option<Instant>,
}

/// Runs `scenario`, and leaves the world as it was.
pub(crate) async fn run(
    world: &mut World,
    program: &Program,
    plan: &Plan,
    scenario: Scenario,
) -> Result<Outcome, Failed> {
    let mut injected = false;
    let evidence = gather(world, program, plan, scenario, &mut injected).await;
    // Broken off, the next scenario must find a world that is well.
    if injected && evidence.is_err() {
        world.mend(scenario).await?;
    }
    world.restore()?;
    Ok(Outcome::of(scenario, evidence?))
}

async fn gather(
    world: &mut World,
    program: &Program,
    plan: &Plan,
    scenario: Scenario,
    injected: &mut bool,
) -> Result<Evidence, Failed> {
    let at_start = scenario.fault == Fault::StoppedAtStart;
    let profile = world.prepare(plan, scenario)?;
    if let Some(front) = world.front(scenario.target) {
        front.reset();
    }
    if at_start {
        *injected = true;
        world.inject(scenario).await?;
    }
    let server = Server::start(program, &profile, world.client.clone())?;
    let modules = MODULES.map(str::to_owned);
    let mut load = Load::start(&server.mcp, &modules, f64::from(plan.rate))?;
    sleep(plan.warm_up).await;
    let measured = Instant::now();

    let (baseline, control, faulty, recovery, mended);
    if at_start {
        faulty = window(plan.window).await;
        (recovery, mended) = recover(world, &server, &load, scenario).await?;
        *injected = false;
        sleep(SETTLES).await;
        baseline = window(plan.calm).await;
        control = window(plan.calm).await;
    } else {
        baseline = window(plan.calm).await;
        control = window(plan.calm).await;
        *injected = true;
        let start = Instant::now();
        world.inject(scenario).await?;
        sleep(plan.window.saturating_sub(start.elapsed())).await;
        faulty = Window { start, end: Instant::now() };
        (recovery, mended) = recover(world, &server, &load, scenario).await?;
        *injected = false;
        sleep(SETTLES).await;
    }
    load.stop().await;
    Ok(Evidence {
        samples: (0..MODULES.len()).map(|index| load.samples(index)).collect(),
        all: Window { start: measured, end: Instant::now() },
        baseline,
        control,
        faulty,
        recovery,
        mended,
        deadline: plan.deadline,
        open: server.open_periods(&scenario.target.vault()),
        seen: world.front(scenario.target).map(super::front::Front::seen),
    })
}

async fn window(length: Duration) -> Window {
    let start = Instant::now();
    sleep(length).await;
    Window { start, end: Instant::now() }
}

/// Mends the world, and waits until the vault is back; answers also when mending began, by the wall's clock.
async fn recover(
    world: &mut World,
    server: &Server,
    load: &Load,
    scenario: Scenario,
) -> Result<(Recovery, SystemTime), Failed> {
    let began = SystemTime::now();
    world.mend(scenario).await?;
    let mended = Instant::now();
    let index = MODULES.iter().position(|&module| module == scenario.target.module()).unwrap_or_default();
    let mut recovery = Recovery { mended, good: None, ready: None };
    while mended.elapsed() < INTERVAL.mul_f64(PATIENCE) {
        let vault = scenario.target.vault();
        if recovery.ready.is_none() && server.ready(|name| name == vault).await? == 1 {
            recovery.ready = Some(Instant::now());
        }
        recovery.good = load.good_since(index, mended);
        if recovery.good.is_some() && recovery.ready.is_some() {
            break;
        }
        sleep(LOOK).await;
    }
    Ok((recovery, began))
}
