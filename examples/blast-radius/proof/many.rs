//! Two hundred vaults, of which a hundred hang at once.
//!
//! All are one real Vault, reached by two proxies: a hundred compartments behind each. One proxy becomes a black hole under
//! load. The other hundred must notice nothing, and the process must not grow with what hangs.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::judge::{Figures, Promise, Window};
use super::load::{Load, Sample};
use super::plan::{CACHE_OFF, INTERVAL, MAX_INTERVALS};
use super::profile;
use super::server::Server;
use super::{Failed, Program, World};

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

/// How much the process may grow while a hundred vaults hang and a thousand calls wait for them, each with a connection.
const MAX_GROWTH_KIB: u64 = 192 * 1024;

/// How much more it may grow when they hang again: most of what the first time took is used again.
const MAX_GROWTH_AGAIN_KIB: u64 = 48 * 1024;

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
    /// The hundred that are well: without the fault, again without it, with it.
    pub(crate) baseline: Figures,
    pub(crate) control: Figures,
    pub(crate) fault_window: Figures,
    /// The hundred that hang, in the fault's window.
    pub(crate) hung: Figures,
    pub(crate) ratio: f64,
    pub(crate) noise: f64,
    pub(crate) before: Size,
    pub(crate) during: Size,
    pub(crate) after: Size,
    /// While they hang a second time.
    pub(crate) again: Size,
    /// From mended until all hundred were ready, in probe intervals.
    pub(crate) ready_after: Option<f64>,
    pub(crate) promises: Vec<Promise>,
}

impl Many {
    /// Whether every promise but the one about time was kept.
    pub(crate) fn kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }
}

/// The module at `index`; names of one length, so that none begins another.
fn name(index: usize) -> String {
    format!("m{index:03}")
}

/// Whether a vault is behind the proxy that hangs.
fn hangs(vault: &str) -> bool {
    vault.get(1..4).and_then(|number| number.parse().ok()).is_some_and(|index: usize| index < SIDE)
}

/// Runs it.
pub(crate) async fn run(world: &mut World, program: &Program) -> Result<Many, Failed> {
    let hung = world.toxics.proxy("hung", world.hashi.address()?).await?;
    let well = world.toxics.proxy("well", world.hashi.address()?).await?;
    let modules: Vec<String> = (0..2 * SIDE).map(name).collect();
    let tokens: Vec<_> = modules.iter().map(|name| (profile::token(name), profile::login(name))).collect();
    let tokens: Vec<_> = tokens.iter().map(|(token, login)| (token.as_str(), login.as_str())).collect();
    let service = crate::service::Service::start(&tokens).await;
    for name in &modules {
        world.hashi.put(name, &profile::token(name)).await?;
    }
    let address = |index| if index < SIDE { hung.listen } else { well.listen };
    let profile = write(world, &modules, |index| address(index).to_string(), &service.url())?;

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
    let all_from = Instant::now();
    let (baseline, before) = window(&server).await;
    let (control, _) = window(&server).await;
    let began = Instant::now();
    hung.swallow().await?;
    let (faulty, during) = window(&server).await;
    let faulty = Window { start: began, ..faulty };
    world.toxics.heal().await?;
    let ready_after = recover(&server).await?;
    // The first call after the recovery is each module's own, half a second later at most.
    sleep(Duration::from_secs(1)).await;
    let settled = Instant::now();
    let (last, after) = window(&server).await;
    hung.swallow().await?;
    let (end, again) = window(&server).await;
    world.toxics.heal().await?;
    load.stop().await;

    let samples = |side: std::ops::Range<usize>| -> Vec<Sample> {
        side.flat_map(|index| load.samples(index)).collect()
    };
    let (bad, good) = (samples(0..SIDE), samples(SIDE..2 * SIDE));
    let of = |samples: &[Sample], window: Window| {
        Figures::of(samples.iter().filter(|sample| window.start <= sample.due && sample.due < window.end))
    };
    let whole = of(&good, Window { start: all_from, end: end.end });
    let (baseline, control) = (of(&good, baseline), of(&good, control));
    let fault_window = of(&good, faulty);
    let recovered = of(&bad, Window { start: settled, end: last.end });
    let mut many = Many {
        ratio: fault_window.p99_ms / baseline.p99_ms,
        noise: control.p99_ms / baseline.p99_ms,
        baseline,
        control,
        fault_window,
        hung: of(&bad, faulty),
        before,
        during,
        after,
        again,
        ready_after,
        promises: Vec::new(),
    };
    many.promises = promises(&many, &whole, &recovered);
    Ok(many)
}

/// Waits until all that hung are ready; answers after how many probe intervals.
async fn recover(server: &Server) -> Result<Option<f64>, Failed> {
    let mended = Instant::now();
    while mended.elapsed() < 6 * INTERVAL {
        if server.ready(hangs).await? == SIDE {
            return Ok(Some(mended.elapsed().as_secs_f64() / INTERVAL.as_secs_f64()));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(None)
}

fn promises(many: &Many, others: &Figures, recovered: &Figures) -> Vec<Promise> {
    let promise = |name, kept, found| Promise { name, kept, found };
    let Size { rss_kib, threads } = many.before;
    vec![
        promise(
            "the other hundred answer",
            others.good == others.calls && others.calls > 0,
            format!("{} of {}", others.good, others.calls),
        ),
        promise(
            "memory is bounded",
            many.during.rss_kib.max(many.after.rss_kib) <= rss_kib + MAX_GROWTH_KIB
                && many.again.rss_kib <= many.during.rss_kib.max(many.after.rss_kib) + MAX_GROWTH_AGAIN_KIB,
            format!(
                "{} MiB before, {} during, {} after, {} when they hang again",
                rss_kib / 1024,
                many.during.rss_kib / 1024,
                many.after.rss_kib / 1024,
                many.again.rss_kib / 1024
            ),
        ),
        promise(
            "threads are bounded",
            many.during.threads.max(many.after.threads).max(many.again.threads) <= threads + MAX_MORE_THREADS,
            format!("{threads} before, {} during, {} after", many.during.threads, many.after.threads),
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
) -> Result<PathBuf, Failed> {
    let folder = world.folder.path().join("many");
    fs::create_dir_all(folder.join("modules"))?;
    fs::copy(world.folder.path().join("secret-id"), folder.join("secret-id"))?;
    let (mut text, walls) = (profile::SERVER.to_owned(), format!("{WALLS}{CACHE_OFF}"));
    for (index, module) in modules.iter().enumerate() {
        let manifest = profile::manifest(module, service);
        fs::write(folder.join(format!("modules/{module}.toml")), manifest)?;
        let settings = profile::hashicorp(&address(index), &world.hashi.role_id);
        profile::vault_and_module(&mut text, module, &settings, &walls);
    }
    let path = folder.join("many.toml");
    fs::write(&path, text)?;
    Ok(path)
}

/// One window, with the server's largest size in it.
async fn window(server: &Server) -> (Window, Size) {
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
