//! Where host names are resolved: on a few threads of each module and of each vault, never on the runtime's pool.
//!
//! A name server that does not respond would exhaust the runtime's pool, which all modules and vaults share.
//!
//! Names are resolved by the operating system (`getaddrinfo`), as for every other program on the machine: by
//! `nsswitch.conf`, `hosts`, search domains, mDNS, and the name servers that a VPN adds for its own domains. The crate
//! `hickory-resolver`, which needs no threads, reads `resolv.conf` and `hosts` only. With it, a name could lead to another
//! address than for `curl` on the same machine, or to none. What `getaddrinfo` costs is that a look-up cannot be cancelled:
//! one that was given up occupies its thread until the system's own timeouts have passed. So the threads are bounded, for
//! each owner and for all modules or vaults of the process, and callers share look-ups.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use std::{fmt, pin::pin};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::{FairShare, LogLimit, PooledThreads};

/// How long callers join a look-up that has started. Later ones start another, because a query that was sent while the
/// name server was down is not repeated for seconds.
const JOIN: Duration = Duration::from_secs(1);
/// How long a caller waits before its look-up counts as one that hangs.
const HANG: Duration = Duration::from_secs(1);
/// The least time between two reports of hanging look-ups.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// The threads that look up names of modules, in the whole process: at most this many.
static OF_MODULES: LazyLock<Arc<FairShare<Arc<str>>>> = LazyLock::new(|| FairShare::new(64));
/// The same for vaults, so that modules cannot use them up.
static OF_VAULTS: LazyLock<Arc<FairShare<Arc<str>>>> = LazyLock::new(|| FairShare::new(32));

/// The result of a look-up, for all its callers.
type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;
type Lookup = Shared<BoxFuture<'static, Found>>;
/// Finds the addresses of a host, and blocks until it has. The port is ignored.
type LookupFn = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Whose host names are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamesOf {
    /// Those of the module with this name. Its `lookups` are the bound.
    Module(String),
    /// Those of the vault with this name.
    Vault(String),
}

/// Resolves the host names of one module or vault on threads of its own. Clones share the threads.
#[derive(Clone)]
pub struct HostResolver {
    shared: Arc<Inner>,
}

struct Inner {
    owner: NamesOf,
    max: usize,
    lookup: Arc<LookupFn>,
    threads: PooledThreads,
    lookups: Mutex<HashMap<String, Joinable>>,
    log: LogLimit,
}

/// A look-up that callers may join. It ends when its last caller leaves, unless a thread has taken it.
struct Joinable {
    result: WeakShared<BoxFuture<'static, Found>>,
    started: Arc<OnceLock<Instant>>,
}

impl Joinable {
    fn join(&self) -> Option<Lookup> {
        let is_recent = self.started.get().is_none_or(|started| started.elapsed() < JOIN);
        self.result.upgrade().filter(|result| is_recent && result.peek().is_none())
    }
}

impl HostResolver {
    /// A resolver that runs at most `max` look-ups at once, at least one. Each has a thread. In the whole process at most 64
    /// look-ups run for modules and 32 for vaults, of which one owner gets at most two thirds.
    pub fn new(owner: NamesOf, max: usize) -> Self {
        Self::with_lookup(owner, max, |host| Ok((host, 0).to_socket_addrs()?.collect()))
    }

    /// Like [`HostResolver::new`], with `lookup` in place of the operating system. It may block.
    pub fn with_lookup(
        owner: NamesOf,
        max: usize,
        lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        let (name, all) = match &owner {
            NamesOf::Module(name) => (name, &OF_MODULES),
            NamesOf::Vault(name) => (name, &OF_VAULTS),
        };
        Self {
            shared: Arc::new(Inner {
                threads: PooledThreads::new(name, "names", max, all),
                owner,
                max: max.max(1),
                lookup: Arc::new(lookup),
                lookups: Mutex::default(),
                log: LogLimit::new(REPORT_INTERVAL),
            }),
        }
    }

    /// The addresses of `host`, in the system's order and with port 0. An IP address needs no look-up and no thread.
    ///
    /// Concurrent calls for one host share a look-up. If all threads are busy, further look-ups wait; the caller decides
    /// for how long. A look-up that a thread has taken goes on when its callers have left.
    ///
    /// # Errors
    ///
    /// Those of the look-up, and if no thread can be started.
    pub async fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, 0)]);
        }
        let mut waiting = Waiting { resolver: &self.shared, host, since: Instant::now(), is_found: false };
        let found = self.lookup(host).await;
        waiting.is_found = found.is_ok();
        found.map(|addresses| addresses.to_vec()).map_err(|error| copy_of(&error))
    }

    /// How many look-ups may run at once.
    pub fn max(&self) -> usize {
        self.shared.max
    }

    /// How many threads exist now.
    pub fn count(&self) -> usize {
        self.shared.threads.count()
    }

    /// Joins the look-up of `host`, or starts one.
    fn lookup(&self, host: &str) -> Lookup {
        let mut lookups = self.shared.lookups();
        if let Some(lookup) = lookups.get(host).and_then(Joinable::join) {
            return lookup;
        }
        lookups.retain(|_, lookup| lookup.join().is_some());
        let started = Arc::new(OnceLock::new());
        let lookup = self.shared.start(host.to_owned(), Arc::clone(&started)).shared();
        if let Some(result) = lookup.downgrade() {
            lookups.insert(host.to_owned(), Joinable { result, started });
        }
        lookup
    }
}

impl Inner {
    /// A look-up of `host`, which sets `started` when a thread takes it.
    fn start(&self, host: String, started: Arc<OnceLock<Instant>>) -> BoxFuture<'static, Found> {
        let (threads, lookup) = (self.threads.clone(), Arc::clone(&self.lookup));
        Box::pin(async move {
            let (taken, is_taken) = oneshot::channel();
            let work = threads.run(move || {
                // Fails if all callers have left.
                let _ = taken.send(());
                lookup(&host)
            });
            let mut work = pin!(work);
            let done = tokio::select! {
                biased;
                done = &mut work => done,
                _ = is_taken => {
                    let _ = started.set(Instant::now());
                    work.await
                }
            };
            let found = done.unwrap_or_else(|error| Err(io::Error::other(error)));
            found.map(Arc::from).map_err(Arc::new)
        })
    }

    /// Reports look-ups that hang, once in a while.
    fn report(&self, host: &str, waited: Duration) {
        if !self.log.due() {
            return;
        }
        let (waited_ms, lookups) = (waited.as_millis(), self.max);
        match &self.owner {
            NamesOf::Module(module) => tracing::warn!(
                module,
                host,
                waited_ms,
                lookups,
                "name look-ups hang; check this machine's name servers; the module's `lookups` bounds how many run at once"
            ),
            NamesOf::Vault(vault) => tracing::warn!(
                vault,
                host,
                waited_ms,
                lookups,
                "name look-ups hang; check this machine's name servers"
            ),
        }
    }

    fn lookups(&self) -> MutexGuard<'_, HashMap<String, Joinable>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller that waits for a look-up. Reports a look-up that hangs if the caller leaves without addresses.
struct Waiting<'a> {
    resolver: &'a Inner,
    host: &'a str,
    since: Instant,
    is_found: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = self.since.elapsed();
        if !self.is_found && waited >= HANG {
            self.resolver.report(self.host, waited);
        }
    }
}

/// The same error for one of several callers.
fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl fmt::Debug for HostResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostResolver")
            .field("owner", &self.shared.owner)
            .field("max", &self.shared.max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::join_all;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::testkit::Log;

    /// A resolver, the hosts that its threads look up, and what those that are called `hangs…` wait for.
    struct Fixture {
        resolver: HostResolver,
        asked: UnboundedReceiver<String>,
        release: mpsc::Sender<()>,
    }

    fn fixture(max: usize) -> Fixture {
        let (ask, asked) = unbounded_channel();
        let (release, hang) = mpsc::channel::<()>();
        let hang = Mutex::new(hang);
        let resolver = HostResolver::with_lookup(NamesOf::Module("notes".to_owned()), max, move |host| {
            ask.send(host.to_owned()).unwrap();
            if host.starts_with("hangs") {
                let _ = hang.lock().unwrap().recv();
            }
            match host.contains("gone") {
                true => Err(io::Error::new(io::ErrorKind::NotFound, "no such host")),
                false => Ok(vec![address("10.1.2.3")]),
            }
        });
        Fixture { resolver, asked, release }
    }

    fn address(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), 0)
    }

    impl Fixture {
        /// Starts a call, which may be aborted.
        fn call(&self, host: &'static str) -> JoinHandle<io::Result<Vec<SocketAddr>>> {
            let resolver = self.resolver.clone();
            tokio::spawn(async move { resolver.resolve(host).await })
        }

        /// Starts a call, and waits until a thread has its look-up.
        async fn hang(&mut self, host: &'static str) -> JoinHandle<io::Result<Vec<SocketAddr>>> {
            let call = self.call(host);
            assert_eq!(self.asked.recv().await.unwrap(), host);
            while self.resolver.shared.lookups()[host].started.get().is_none() {
                tokio::task::yield_now().await;
            }
            call
        }
    }

    async fn give_up(call: JoinHandle<io::Result<Vec<SocketAddr>>>) {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn an_address_needs_no_look_up_and_no_thread() {
        let mut fixture = fixture(1);
        for ip in ["192.0.2.7", "::1"] {
            assert_eq!(fixture.resolver.resolve(ip).await.unwrap(), [address(ip)]);
        }
        assert_eq!(fixture.resolver.count(), 0);
        assert!(fixture.asked.try_recv().is_err());
    }

    #[tokio::test]
    async fn concurrent_calls_share_one_look_up() {
        let mut fixture = fixture(2);
        for host in ["hangs.example", "hangs-gone.example"] {
            let resolver = fixture.resolver.clone();
            let mut calls = pin!(join_all((0..20).map(|_| resolver.resolve(host))));
            assert!((&mut calls).now_or_never().is_none());
            assert_eq!(fixture.asked.recv().await.unwrap(), host);
            fixture.release.send(()).unwrap();
            for found in calls.await {
                match found {
                    Ok(found) => assert_eq!(found, [address("10.1.2.3")]),
                    Err(error) => {
                        let shown = (error.kind(), error.to_string());
                        assert_eq!(shown, (io::ErrorKind::NotFound, "no such host".to_owned()));
                    }
                }
            }
            assert!(fixture.asked.try_recv().is_err(), "{host} was looked up twice");
        }
        // The result is not kept.
        fixture.release.send(()).unwrap();
        fixture.resolver.resolve("hangs-gone.example").await.unwrap_err();
        assert_eq!(fixture.asked.recv().await.unwrap(), "hangs-gone.example");
    }

    #[tokio::test]
    async fn look_ups_that_were_given_up_keep_their_threads_and_stop_no_other_owner() {
        let mut fixture = fixture(2);
        for host in ["hangs-a.example", "hangs-b.example"] {
            let call = fixture.hang(host).await;
            give_up(call).await;
        }
        for _ in 0..50 {
            let call = fixture.call("abandoned.example");
            tokio::task::yield_now().await;
            give_up(call).await;
        }
        let waiting = fixture.call("waits.example");
        tokio::task::yield_now().await;
        assert_eq!(fixture.resolver.count(), 2);
        assert!(fixture.asked.try_recv().is_err(), "a look-up that was given up has left its thread");

        let other = self::fixture(1);
        assert_eq!(other.resolver.resolve("works.example").await.unwrap(), [address("10.1.2.3")]);

        drop(fixture.release);
        assert_eq!(waiting.await.unwrap().unwrap(), [address("10.1.2.3")]);
        assert_eq!(fixture.asked.recv().await.unwrap(), "waits.example");
        assert!(fixture.asked.try_recv().is_err(), "what was abandoned in the queue never runs");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_takes_long_is_joined_no_more() {
        let mut fixture = fixture(2);
        let first = fixture.hang("hangs.example").await;
        tokio::time::advance(JOIN - Duration::from_millis(1)).await;
        let joined = fixture.call("hangs.example");
        tokio::task::yield_now().await;
        assert_eq!(fixture.resolver.count(), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        let second = fixture.hang("hangs.example").await;
        assert_eq!(fixture.resolver.count(), 2);
        // All threads are busy, so later calls wait for the same third look-up.
        tokio::time::advance(JOIN).await;
        let mut waiting = Vec::new();
        for _ in 0..10 {
            waiting.push(fixture.call("hangs.example"));
            tokio::task::yield_now().await;
            tokio::time::advance(JOIN).await;
        }
        drop(fixture.release);
        for call in [first, joined, second].into_iter().chain(waiting) {
            assert_eq!(call.await.unwrap().unwrap(), [address("10.1.2.3")]);
        }
        assert_eq!(fixture.asked.recv().await.unwrap(), "hangs.example");
        assert!(fixture.asked.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_look_ups_are_reported_once_a_minute() {
        let (log, _guard) = Log::of_this_thread();
        let mut fixture = fixture(3);
        let short = fixture.hang("hangs-short.example").await;
        tokio::time::advance(HANG - Duration::from_millis(1)).await;
        give_up(short).await;
        fixture.resolver.resolve("gone.example").await.unwrap_err();
        assert_eq!(fixture.asked.recv().await.unwrap(), "gone.example");
        assert_eq!(log.contents(), "");
        for (host, pause, reports) in [
            ("hangs-a.example", HANG, 1),
            ("hangs-b.example", HANG, 1),
            ("hangs-c.example", REPORT_INTERVAL, 2),
        ] {
            let call = fixture.call(host);
            tokio::task::yield_now().await;
            tokio::time::advance(pause).await;
            give_up(call).await;
            let log = log.contents();
            assert_eq!(log.matches("name look-ups hang").count(), reports, "{log}");
            assert!(
                log.contains("module=\"notes\" host=\"hangs-a.example\"") && log.contains("lookups=3"),
                "{log}"
            );
        }
    }
}
