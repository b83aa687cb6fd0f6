//! Two hundred vaults, of which a hundred hang at once.
//!
//! All are one real Vault, reached by two proxies: a hundred compartments behind each. One proxy becomes a black hole under
//! load, time after time. The other hundred must notice nothing, and the process must not grow with what hangs.
//!
//! ```text
//! start → warm-up → A → F → mended: recovery → A' → F → … → A'
//! ```

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::judge::{Figures, Promise, Window};
use super::load::{Load, Sample};
use super::plan::{CACHE_OFF, CACHE_ON, INTERVAL, MAX_INTERVALS, MAX_RATIO};
use super::profile;
use super::server::Server;
use super::{Failed, Program, World, median};

/// How many vaults there are on each side.
const SIDE: usize = 100;

/// Calls a second on each module: few for one, many for all.
const RATE: f64 = 2.0;

/// One window: 2,800 calls on each side, and time for a breaker to open behind the default walls, which a vault that hangs
/// needs twelve seconds for.
const WINDOW: Duration = Duration::from_secs(14);

/// The default walls, but for how often a vault that is down is looked at.
const WALLS: &str = "probe_interval = \"1s\"\n";

/// For how long all must have been ready before anything is measured.
const WARM_UP: Duration = Duration::from_secs(3);

/// How often memory and threads are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How often they hang. What grows without a bound grows each time; what is bounded has its size after the first.
const HANGS: usize = 5;

/// By how much of the largest size so far the last hang may be larger: pages that the allocator has not used before.
const MAX_LAST_GROWTH: f64 = 0.05;

/// How many more threads there may be: none is any vault's own, for no file hangs.
const MAX_MORE_THREADS: u64 = 16;

/// Memory and threads of the server at their largest in a window.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Size {
    pub(crate) rss_kib: u64,
    pub(crate) threads: u64,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Many {
    pub(crate) cache: bool,
    /// The hundred that are well, without the fault: every other of the windows before and after it.
    pub(crate) baselines: Vec<Figures>,
    /// The rest of these windows.
    pub(crate) controls: Vec<Figures>,
    /// The hundred that are well, each time that the others hang.
    pub(crate) faults: Vec<Figures>,
    /// The hundred that hang, while they do.
    pub(crate) hung: Figures,
    pub(crate) before: Size,
    pub(crate) after: Size,
    /// Each time that they hang.
    pub(crate) hangs: Vec<Size>,
    /// From mended until all hundred were ready, in probe intervals: the longest.
    pub(crate) ready_after: Option<f64>,
    pub(crate) promises: Vec<Promise>,
}

impl Many {
    /// Whether every promise but the one about time was kept.
    pub(crate) fn kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }

    /// Whether the one about time was kept.
    pub(crate) fn quick(&self) -> bool {
        self.ratio() <= MAX_RATIO
    }

    /// How much slower the p99 of those that are well was while the others hung.
    pub(crate) fn ratio(&self) -> f64 {
        p99_ms(&self.faults) / p99_ms(&self.baselines)
    }

    /// The same of windows without a fault.
    pub(crate) fn noise(&self) -> f64 {
        p99_ms(&self.controls) / p99_ms(&self.baselines)
    }
}

/// The p99 of several windows: their median, for a machine that stands still once is seen in one.
pub(crate) fn p99_ms(windows: &[Figures]) -> f64 {
    let p99s: Vec<f64> = windows.iter().map(|window| window.p99_ms).collect();
    median(&p99s)
}

/// The module at `index`; names of one length, so that none begins another.
fn name(index: usize) -> String {
    format!("m{index:03}")
}

/// Whether a vault is behind the proxy that hangs.
fn is_hung(vault: &str) -> bool {
    vault.get(1..4).and_then(|number| number.parse().ok()).is_some_and(|index: usize| index < SIDE)
}

/// Runs it, with the caches on or off.
pub(crate) async fn run(world: &mut World, program: &Program, cache: bool) -> Result<Many, Failed> {
    // Proxies outlive this, and each name is for one.
    let setting = if cache { "on" } else { "off" };
    let hung = world.toxics.proxy(&format!("hung-{setting}"), world.hashi.address()?).await?;
    let well = world.toxics.proxy(&format!("well-{setting}"), world.hashi.address()?).await?;
    let modules: Vec<String> = (0..2 * SIDE).map(name).collect();
    let tokens: Vec<_> = modules.iter().map(|name| (profile::token(name), profile::login(name))).collect();
    let tokens: Vec<_> = tokens.iter().map(|(token, login)| (token.as_str(), login.as_str())).collect();
    let service = crate::service::Service::start(&tokens).await;
    for name in &modules {
        world.hashi.put(name, &profile::token(name)).await?;
    }
    let address = |index| if index < SIDE { hung.listen } else { well.listen };
    let walls = format!("{WALLS}{}", if cache { CACHE_ON } else { CACHE_OFF });
    let profile = write(world, &modules, |index| address(index).to_string(), &service.url(), &walls)?;

    let server = Server::start(program, &profile, world.client.clone())?;
    let mut load = Load::start(&server.mcp, &modules, RATE)?;
    // Two hundred logins at once are not what is measured.
    let mut settling = Instant::now();
    while settling.elapsed() < WARM_UP {
        if server.ready(|_| true).await? < modules.len() {
            settling = Instant::now();
        }
        sleep(LOOK).await;
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
        world.toxics.heal().await?;
        ready_after = recover(&server).await?.zip(ready_after).map(|(this, longest)| this.max(longest));
        // The first call after the recovery is each module's own, half a second later at most.
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
        Figures::of(samples.iter().filter(|sample| windows.iter().any(|window| window.holds(sample))))
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

/// Waits until all that hung are ready; answers after how many probe intervals.
async fn recover(server: &Server) -> Result<Option<f64>, Failed> {
    let mended = Instant::now();
    while mended.elapsed() < 6 * INTERVAL {
        if server.ready(is_hung).await? == SIDE {
            return Ok(Some(mended.elapsed().as_secs_f64() / INTERVAL.as_secs_f64()));
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
    world: &World,
    modules: &[String],
    address: impl Fn(usize) -> String,
    service: &str,
    walls: &str,
) -> Result<PathBuf, Failed> {
    let folder = world.folder.path().join("many");
    fs::create_dir_all(folder.join("modules"))?;
    fs::copy(world.folder.path().join("secret-id"), folder.join("secret-id"))?;
    let mut text = profile::SERVER.to_owned();
    for (index, module) in modules.iter().enumerate() {
        let manifest = profile::manifest(module, service);
        fs::write(folder.join(format!("modules/{module}.toml")), manifest)?;
        let settings = profile::hashicorp(&address(index), &world.hashi.role_id);
        profile::vault_and_module(&mut text, module, &settings, walls);
    }
    let path = folder.join("many.toml");
    fs::write(&path, text)?;
    Ok(path)
}

/// One window, with the server's largest size in it.
async fn watch(server: &Server) -> (Window, Size) {
    let (id, start) = (server.id(), Instant::now());
    let looking = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut largest = Size::default();
        while start.elapsed() < WINDOW {
            let now = size(id);
            largest.rss_kib = largest.rss_kib.max(now.rss_kib);
            largest.threads = largest.threads.max(now.threads);
            sleep(LOOK).await;
        }
        largest
    }));
    // It neither panics nor is cancelled.
    let largest = looking.await.unwrap_or_default();
    (Window { start, end: Instant::now() }, largest)
}

/// Memory and threads of a process; zeros where the system does not say.
fn size(id: u32) -> Size {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let number = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next());
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    Size { rss_kib: number("VmRSS:"), threads: number("Threads:") }
}
