//! Two hundred vaults, of which a hundred hang at once.
//!
//! All are one real Vault behind two proxies, with a hundred compartments on each. One proxy becomes a black hole under load,
//! several times. The other hundred must not be affected, and the process must not grow with what hangs.
//!
//! ```text
//! start → warm-up → A → F → repair: recovery → A' → F → … → A'
//! ```

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::comparison::{Figures, Promise, Window};
use super::load::{Load, Sample};
use super::plan::{CACHE_OFF, CACHE_ON, INTERVAL, MAX_INTERVALS, MAX_RATIO};
use super::profile;
use super::server::Server;
use super::{Failed, Fixture, Program};
use crate::measure::ProcessStatus;
use crate::{FakeService, median};

/// The number of vaults on each side.
const SIDE: usize = 100;

/// Calls per second on each module: few for one, many for all.
const RATE: f64 = 2.0;

/// One window: 2,800 calls on each side, and time for a breaker to open; with the default settings of a vault that hangs,
/// that takes twelve seconds.
const WINDOW: Duration = Duration::from_secs(14);

/// The default settings of a vault, except for the probe interval.
const SETTINGS: &str = "probe_interval = \"1s\"\n";

/// How long all must have been ready before measuring begins.
const WARM_UP: Duration = Duration::from_secs(3);

/// How often memory and threads are sampled.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(50);

/// How often they hang. What is unbounded grows each time; what is bounded has its size after the first time.
const HANGS: usize = 5;

/// By which share the size in the last hang may exceed the largest one before: pages that the allocator had not used yet.
const MAX_LAST_GROWTH: f64 = 0.05;

/// How many more threads are allowed: no vault needs threads of its own, because no file hangs.
const MAX_MORE_THREADS: u64 = 16;

/// The largest memory and number of threads of the server in a window.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Size {
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// Threads.
    pub threads: u64,
}

/// The outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Many {
    /// Whether the caches were on.
    pub cache: bool,
    /// The hundred healthy vaults without the fault: every other one of the windows before and after it.
    pub baselines: Vec<Figures>,
    /// The rest of these windows.
    pub controls: Vec<Figures>,
    /// The hundred healthy vaults each time that the others hang.
    pub faults: Vec<Figures>,
    /// The hundred hanging vaults while they hang.
    pub hung: Figures,
    /// The server's size before the first hang.
    pub before: Size,
    /// The server's size after the last hang.
    pub after: Size,
    /// The server's size during each hang.
    pub hangs: Vec<Size>,
    /// The longest time from a repair until all hundred were ready, in probe intervals.
    pub ready_after: Option<f64>,
    /// The promises that do not depend on the machine.
    pub promises: Vec<Promise>,
}

impl Many {
    /// Whether every promise but the one about time was kept.
    pub fn kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }

    /// Whether the one about time was kept.
    pub fn quick(&self) -> bool {
        self.ratio() <= MAX_RATIO
    }

    /// The p99 of the healthy ones while the others hung, divided by the p99 without a hang.
    pub fn ratio(&self) -> f64 {
        p99_ms(&self.faults) / p99_ms(&self.baselines)
    }

    /// The same of windows without a fault.
    pub fn noise(&self) -> f64 {
        p99_ms(&self.controls) / p99_ms(&self.baselines)
    }
}

/// The median of the p99 of several windows, in milliseconds: a pause of the machine affects one window.
pub fn p99_ms(windows: &[Figures]) -> f64 {
    median(windows.iter().map(|window| window.p99_ms))
}

/// The module at `index`. All names have one length, so that none is a prefix of another one.
fn name(index: usize) -> String {
    format!("m{index:03}")
}

/// Whether a vault is behind the proxy that hangs.
fn is_hung(vault: &str) -> bool {
    vault.get(1..4).and_then(|number| number.parse().ok()).is_some_and(|index: usize| index < SIDE)
}

/// Runs it, with the caches on or off.
///
/// # Errors
///
/// If a server or the load cannot be run.
pub async fn run(fixture: &mut Fixture, program: &Program, cache: bool) -> Result<Many, Failed> {
    // Proxies outlive this function, so each run has names of its own.
    let setting = if cache { "on" } else { "off" };
    let hung = fixture.toxics.proxy(&format!("hung-{setting}"), fixture.vault.address()?).await?;
    let healthy = fixture.toxics.proxy(&format!("healthy-{setting}"), fixture.vault.address()?).await?;
    let modules: Vec<String> = (0..2 * SIDE).map(name).collect();
    let tokens: Vec<_> = modules.iter().map(|name| (profile::token(name), profile::login(name))).collect();
    let tokens: Vec<_> = tokens.iter().map(|(token, login)| (token.as_str(), login.as_str())).collect();
    let service = FakeService::start(&tokens).await;
    for name in &modules {
        fixture.vault.put(name, &profile::token(name)).await?;
    }
    let address = |index| if index < SIDE { hung.listen } else { healthy.listen };
    let settings = format!("{SETTINGS}{}", if cache { CACHE_ON } else { CACHE_OFF });
    let profile = write(fixture, &modules, |index| address(index).to_string(), &service.url(), &settings)?;

    let server = Server::start(program, &profile, fixture.client.clone())?;
    let mut load = Load::start(&server.mcp, &modules, RATE)?;
    // Two hundred logins at once are not measured.
    let mut settling = Instant::now();
    while settling.elapsed() < WARM_UP {
        if server.ready(|_| true).await? < modules.len() {
            settling = Instant::now();
        }
        sleep(SAMPLE_INTERVAL).await;
    }
    let measured = Instant::now();
    let (first, before) = watch(&server).await;
    let (mut calm, mut faulty, mut hangs) = (vec![first], Vec::new(), Vec::new());
    let (mut ready_after, mut after) = (Some(0.0), before);
    for _ in 0..HANGS {
        let start = Instant::now();
        hung.swallow().await?;
        let (window, size) = watch(&server).await;
        faulty.push(Window { start, ..window });
        hangs.push(size);
        fixture.toxics.heal().await?;
        ready_after = recover(&server).await?.zip(ready_after).map(|(this, longest)| this.max(longest));
        // Each module is called within half a second.
        sleep(Duration::from_secs(1)).await;
        let (window, size) = watch(&server).await;
        calm.push(window);
        after = size;
    }
    let whole = Window { start: measured, end: Instant::now() };
    load.stop().await;

    let samples = |side: std::ops::Range<usize>| -> Vec<Sample> {
        side.flat_map(|index| load.samples(index)).collect()
    };
    let (bad, good) = (samples(0..SIDE), samples(SIDE..2 * SIDE));
    let of = |samples: &[Sample], windows: &[Window]| {
        Figures::from_samples(
            samples.iter().filter(|sample| windows.iter().any(|window| window.holds(sample))),
        )
    };
    let each =
        |windows: &[Window]| windows.iter().map(|&window| of(&good, &[window])).collect::<Vec<Figures>>();
    let every_other = |from| each(&calm.iter().copied().skip(from).step_by(2).collect::<Vec<Window>>());
    let mut many = Many {
        cache,
        baselines: every_other(0),
        controls: every_other(1),
        faults: each(&faulty),
        hung: of(&bad, &faulty),
        before,
        after,
        hangs,
        ready_after,
        promises: Vec::new(),
    };
    let (others, recovered) = (of(&good, &[whole]), of(&bad, &calm[1..]));
    many.promises = promises(&many, &others, &recovered);
    Ok(many)
}

/// Waits until all that hung are ready; returns after how many probe intervals.
async fn recover(server: &Server) -> Result<Option<f64>, Failed> {
    let repaired = Instant::now();
    while repaired.elapsed() < 6 * INTERVAL {
        if server.ready(is_hung).await? == SIDE {
            return Ok(Some(repaired.elapsed().as_secs_f64() / INTERVAL.as_secs_f64()));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(None)
}

fn promises(many: &Many, others: &Figures, recovered: &Figures) -> Vec<Promise> {
    let promise = |name, kept, found| Promise { name, kept, found };
    let threads = many.before.threads;
    let most_threads = many.hangs.iter().map(|size| size.threads).max().unwrap_or_default();
    let mib: Vec<String> = many.hangs.iter().map(|size| (size.rss_kib / 1024).to_string()).collect();
    vec![
        promise(
            "the other hundred answer",
            others.good == others.calls && others.calls > 0,
            format!("{} of {}", others.good, others.calls),
        ),
        promise(
            "memory is bounded",
            many.hangs.split_last().is_some_and(|(last, earlier)| {
                let most = earlier.iter().map(|size| size.rss_kib).max().unwrap_or_default();
                last.rss_kib as f64 <= most as f64 * (1.0 + MAX_LAST_GROWTH)
            }),
            format!(
                "{} MiB before; hanging time after time: {} MiB",
                many.before.rss_kib / 1024,
                mib.join(", ")
            ),
        ),
        promise(
            "threads are bounded",
            most_threads <= threads + MAX_MORE_THREADS,
            format!("{threads} before, {most_threads} during, {} after", many.after.threads),
        ),
        promise(
            "all come back by themselves",
            many.ready_after.is_some_and(|intervals| intervals <= MAX_INTERVALS)
                && recovered.good == recovered.calls,
            match many.ready_after {
                Some(after) => {
                    format!(
                        "after {after:.2} intervals; then {} of {} answer",
                        recovered.good, recovered.calls
                    )
                }
                None => "not all back".to_owned(),
            },
        ),
    ]
}

/// The profile and the manifests of `modules`.
fn write(
    fixture: &Fixture,
    modules: &[String],
    address: impl Fn(usize) -> String,
    service: &str,
    settings: &str,
) -> Result<PathBuf, Failed> {
    let folder = fixture.folder.path().join("many");
    fs::create_dir_all(folder.join("modules"))?;
    fs::copy(fixture.folder.path().join("secret-id"), folder.join("secret-id"))?;
    let mut text = profile::SERVER.to_owned();
    for (index, module) in modules.iter().enumerate() {
        let manifest = profile::manifest(module, service);
        fs::write(folder.join(format!("modules/{module}.toml")), manifest)?;
        let own = profile::hashicorp(&address(index), &fixture.vault.role_id);
        profile::vault_and_module(&mut text, module, &own, settings);
    }
    let path = folder.join("many.toml");
    fs::write(&path, text)?;
    Ok(path)
}

/// One window, and the server's largest size in it.
async fn watch(server: &Server) -> (Window, Size) {
    let (id, start) = (server.id(), Instant::now());
    let sampling = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut largest = Size::default();
        while start.elapsed() < WINDOW {
            let now = size(id);
            largest.rss_kib = largest.rss_kib.max(now.rss_kib);
            largest.threads = largest.threads.max(now.threads);
            sleep(SAMPLE_INTERVAL).await;
        }
        largest
    }));
    // The task neither panics nor is cancelled.
    let largest = sampling.await.unwrap_or_default();
    (Window { start, end: Instant::now() }, largest)
}

/// Memory and threads of a process; zeros if the system does not report them.
fn size(id: u32) -> Size {
    let Ok(status) = ProcessStatus::read(id) else { return Size::default() };
    Size { rss_kib: status.resident_kib().unwrap_or_default(), threads: status.threads().unwrap_or_default() }
}
