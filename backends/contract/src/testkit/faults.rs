//! `let faults = Faults::default(); let vault = faults.wrap(vault); faults.set(Calls::All, Fault::Hang)`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_config::Diagnostics;
use futures_util::StreamExt as _;
use futures_util::stream::once;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{
    BoxFuture, BoxStream, Change, ErrorKind, Expect, FieldName, Lease, Page, PageToken, ReadRequest, Secret,
    SecretFields, SecretPath, Stage, Vault, VaultError, VaultInfo, Version,
};

/// Which calls a fault affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Every call below, `renew` and `release`.
    All,
    /// `read`, `read_many` and `list`.
    Reads,
    /// `write` and `delete`.
    Writes,
    /// `probe`.
    Probes,
    /// `watch`, until its first item.
    Watches,
}

impl Calls {
    fn include(self, call: Call) -> bool {
        match self {
            Self::All => true,
            Self::Reads => call == Call::Read,
            Self::Writes => call == Call::Write,
            Self::Probes => call == Call::Probe,
            Self::Watches => call == Call::Watch,
        }
    }
}

/// The kind of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Probe,
    Lease,
    Watch,
}

/// What happens to a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The vault responds after this time on tokio's clock.
    Delay(Duration),
    /// The call waits for [`Faults::release`], and then reaches the vault.
    Hang,
    /// The call fails with this error and does not reach the vault.
    Fail(VaultError),
    /// The call fails with this error after this time on tokio's clock, and does not reach the vault.
    FailAfter(Duration, VaultError),
    /// The call reaches the vault, and then fails with this error: its response is lost.
    LostResponse(VaultError),
    /// By count: of the affected calls, `failing` fail, then `succeeding` reach the vault, and so on. With both zero, every
    /// call reaches the vault.
    FlapByCalls {
        /// How many calls in a row fail, beginning with the first.
        failing: u64,
        /// How many calls in a row reach the vault after them.
        succeeding: u64,
        /// The error of the calls that fail.
        error: VaultError,
    },
    /// By tokio's clock: since the fault was set, every call fails for one `period`, none for the next, and so on. A
    /// `period` of zero fails every call.
    FlapByTime {
        /// How long each state lasts.
        period: Duration,
        /// The error of the calls that fail.
        error: VaultError,
    },
}

impl Fault {
    /// The whole vault fails with `kind`.
    pub fn vault(kind: ErrorKind) -> Self {
        Self::Fail(VaultError::vault(kind, format!("scripted: the vault is {kind}")))
    }

    /// This secret fails with `kind`; the vault is healthy.
    pub fn secret(kind: ErrorKind) -> Self {
        Self::Fail(VaultError::secret(kind, format!("scripted: the secret is {kind}")))
    }

    /// The vault throttles the call, and asks for `pause` if it is set.
    pub fn throttled(pause: Option<Duration>) -> Self {
        let error = VaultError::vault(ErrorKind::Throttled, "scripted: too many requests");
        Self::Fail(error.with_retry_after(pause))
    }

    /// The vault returns what cannot be parsed.
    pub fn garbage() -> Self {
        Self::vault(ErrorKind::Malformed)
    }

    /// The call reaches the vault, and its response is lost.
    pub fn lost_response() -> Self {
        Self::LostResponse(VaultError::vault(ErrorKind::Unavailable, "scripted: the response was lost"))
    }
}

/// The scripted faults of one or more wrapped vaults. Clones share the script.
///
/// If several faults affect a call, the first queued one ([`Faults::once`]) wins, otherwise the one that was set last.
#[derive(Debug, Clone)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
    /// Counts the releases; a call that hangs waits for the next one.
    releases: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Script {
    active: Vec<ActiveFault>,
    once: VecDeque<(Calls, Fault)>,
    /// One entry for each call so far.
    attempts: Vec<Call>,
    in_flight: usize,
    max_in_flight: usize,
}

/// A fault that lasts until it is cleared, with the state of flapping.
#[derive(Debug)]
struct ActiveFault {
    calls: Calls,
    fault: Fault,
    since: Instant,
    affected: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self { script: Arc::default(), releases: watch::Sender::new(0) }
    }
}

impl Faults {
    /// Wraps `vault` in these faults. Without a fault, every call passes unchanged.
    pub fn wrap(&self, vault: Arc<dyn Vault>) -> Arc<FaultyVault> {
        Arc::new(FaultyVault { inner: vault, faults: self.clone() })
    }

    /// From now on, `fault` affects `calls`. Replaces the fault that was set for the same `calls` before.
    pub fn set(&self, calls: Calls, fault: Fault) {
        let mut script = self.lock();
        script.active.retain(|active| active.calls != calls);
        script.active.push(ActiveFault { calls, fault, since: Instant::now(), affected: 0 });
    }

    /// `fault` affects the next one of `calls`. Several such faults queue up.
    pub fn once(&self, calls: Calls, fault: Fault) {
        self.lock().once.push_back((calls, fault));
    }

    /// Removes every fault. A call that already hangs keeps hanging until [`Faults::release`].
    pub fn clear(&self) {
        let mut script = self.lock();
        script.active.clear();
        script.once.clear();
    }

    /// Lets the calls that hang now reach the vault. Later ones hang again while [`Fault::Hang`] is set.
    pub fn release(&self) {
        self.releases.send_modify(|releases| *releases += 1);
    }

    /// How many of `calls` were made, whatever their result. A `read_many` is one call.
    pub fn attempts(&self, calls: Calls) -> usize {
        self.lock().attempts.iter().filter(|&&call| calls.include(call)).count()
    }

    /// How many calls are in flight now, those that hang included.
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// The greatest number of calls that were in flight at one time.
    pub fn max_in_flight(&self) -> usize {
        self.lock().max_in_flight
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, applies the fault that affects it, and awaits `inner` unless the fault prevents it.
    async fn run<T>(&self, call: Call, inner: impl Future<Output = T>) -> Result<T, VaultError> {
        // Subscribed before the script is read, so that a release in between is not missed.
        let mut releases = self.releases.subscribe();
        let (fault, _in_flight) = self.arrive(call);
        match fault {
            None => {}
            Some(Fault::Delay(pause)) => tokio::time::sleep(pause).await,
            // Cannot fail: `self` holds the sender.
            Some(Fault::Hang) => drop(releases.changed().await),
            Some(Fault::FailAfter(pause, error)) => {
                tokio::time::sleep(pause).await;
                return Err(error);
            }
            Some(Fault::LostResponse(error)) => {
                inner.await;
                return Err(error);
            }
            Some(Fault::Fail(error) | Fault::FlapByCalls { error, .. } | Fault::FlapByTime { error, .. }) => {
                return Err(error);
            }
        }
        Ok(inner.await)
    }

    fn arrive(&self, call: Call) -> (Option<Fault>, InFlight<'_>) {
        let mut script = self.lock();
        script.attempts.push(call);
        script.in_flight += 1;
        script.max_in_flight = script.max_in_flight.max(script.in_flight);
        (script.next(call), InFlight(self))
    }
}

impl Script {
    fn next(&mut self, call: Call) -> Option<Fault> {
        if let Some(at) = self.once.iter().position(|(calls, _)| calls.include(call)) {
            return self.once.remove(at).map(|(_, fault)| fault);
        }
        self.active.iter_mut().rev().find(|active| active.calls.include(call))?.next()
    }
}

impl ActiveFault {
    /// The fault, unless it flaps and this call succeeds.
    fn next(&mut self) -> Option<Fault> {
        let call = self.affected;
        self.affected += 1;
        let fails = match self.fault {
            Fault::FlapByCalls { failing, succeeding, .. } => {
                call.checked_rem(failing + succeeding).is_some_and(|position| position < failing)
            }
            Fault::FlapByTime { period, .. } => {
                let periods = self.since.elapsed().as_nanos().checked_div(period.as_nanos());
                periods.is_none_or(|periods| periods % 2 == 0)
            }
            _ => true,
        };
        fails.then(|| self.fault.clone())
    }
}

/// Counts a call as in flight until it ends or its future is dropped.
struct InFlight<'a>(&'a Faults);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

/// A vault with scripted faults, made by [`Faults::wrap`].
#[derive(Debug)]
pub struct FaultyVault {
    inner: Arc<dyn Vault>,
    faults: Faults,
}

impl Vault for FaultyVault {
    fn info(&self) -> &VaultInfo {
        self.inner.info()
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        Box::pin(async move { self.faults.run(Call::Read, self.inner.read(path, fields, stage)).await? })
    }

    fn creates_lease(&self, path: &SecretPath) -> bool {
        self.inner.creates_lease(path)
    }

    fn resource(&self, path: &SecretPath) -> Option<String> {
        self.inner.resource(path)
    }

    fn diagnose<'a>(
        &'a self,
        needs: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        self.inner.diagnose(needs, foreign, found)
    }

    fn read_many<'a>(
        &'a self,
        requests: &'a [ReadRequest],
    ) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(async move {
            let results = self.faults.run(Call::Read, self.inner.read_many(requests)).await;
            results.unwrap_or_else(|error| requests.iter().map(|_| Err(error.clone())).collect())
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move { self.faults.run(Call::Write, self.inner.write(path, fields, expect)).await? })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move { self.faults.run(Call::Write, self.inner.delete(path, expect)).await? })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move { self.faults.run(Call::Read, self.inner.list(prefix, after)).await? })
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Lease, VaultError>> {
        Box::pin(async move { self.faults.run(Call::Lease, self.inner.renew(lease)).await? })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move { self.faults.run(Call::Lease, self.inner.release(lease)).await? })
    }

    fn watch(&self) -> BoxStream<'_, Result<Change, VaultError>> {
        let open = async { self.faults.run(Call::Watch, async { self.inner.watch() }).await };
        let watch = once(open).flat_map(|opened| match opened {
            Ok(watch) => watch,
            Err(error) => once(async move { Err(error) }).boxed(),
        });
        watch.boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move { self.faults.run(Call::Probe, self.inner.probe()).await? })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
