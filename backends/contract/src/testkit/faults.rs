//! `let faults = Faults::default(); let vault = faults.wrap(vault); faults.set(Calls::All, Fault::Hang)`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::{
    BoxFuture, ErrorKind, Expect, FieldName, Lease, Page, PageToken, ReadRequest, Secret, SecretFields,
    SecretPath, Stage, Vault, VaultError, VaultInfo, Version,
};
use cofferdam_config::Diagnostics;

/// Which calls a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Every call below, and those that renew and release leases.
    All,
    /// `read`, `read_many` and `list`.
    Reads,
    /// `write` and `delete`.
    Writes,
    /// `probe`.
    Probes,
}

impl Calls {
    fn cover(self, call: Call) -> bool {
        match self {
            Self::All => true,
            Self::Reads => call == Call::Read,
            Self::Writes => call == Call::Write,
            Self::Probes => call == Call::Probe,
        }
    }
}

/// What a call is, as faults see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Probe,
    Lease,
}

/// What happens to a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The vault answers, but only after this time on tokio's clock.
    Delay(Duration),
    /// The vault never answers, until [`Faults::release`]; then the call goes on to it.
    Hang,
    /// The vault is not asked; this is the answer.
    Fail(VaultError),
    /// The vault is not asked; this is the answer after this time on tokio's clock.
    FailAfter(Duration, VaultError),
    /// The vault does what it is asked to, and then this is the answer. A success that nobody heard of.
    LostAnswer(VaultError),
    /// By count: of the calls that it covers, `failing` get the error, then `answered` reach the vault, and so on.
    /// With both zero, every call reaches the vault.
    FlapByCalls {
        /// How many calls in a row fail; the first ones do.
        failing: u64,
        /// How many calls in a row reach the vault after them.
        answered: u64,
        /// What the failing ones get.
        error: VaultError,
    },
    /// By tokio's clock: for `period` since the fault was set every call gets the error, for the next one none, and so on.
    /// A `period` of zero fails every call.
    FlapByTime {
        /// How long each state lasts.
        period: Duration,
        /// What the failing calls get.
        error: VaultError,
    },
}

impl Fault {
    /// The whole vault fails with `kind`.
    pub fn vault(kind: ErrorKind) -> Self {
        Self::Fail(VaultError::vault(kind, format!("scripted: the vault is {kind}")))
    }

    /// This secret fails with `kind`; the vault is well.
    pub fn secret(kind: ErrorKind) -> Self {
        Self::Fail(VaultError::secret(kind, format!("scripted: the secret is {kind}")))
    }

    /// The vault asks to come back after `pause`, or names no time.
    pub fn throttled(pause: Option<Duration>) -> Self {
        let error = VaultError::vault(ErrorKind::Throttled, "scripted: too many requests");
        Self::Fail(error.with_retry_after(pause))
    }

    /// The vault answers what cannot be understood.
    pub fn garbage() -> Self {
        Self::vault(ErrorKind::Malformed)
    }

    /// The vault does what it is asked to, and the answer is lost on the way.
    pub fn lost_answer() -> Self {
        Self::LostAnswer(VaultError::vault(ErrorKind::Unavailable, "scripted: the answer was lost"))
    }
}

/// The script of the faults of one or more wrapped vaults; clones share it.
///
/// Of the faults that cover a call, the first queued one ([`Faults::once`]) wins, else the one that was set last.
#[derive(Debug, Clone)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
    /// Counts the releases; a hung call waits for the next one.
    releases: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Script {
    standing: Vec<Standing>,
    once: VecDeque<(Calls, Fault)>,
    /// One entry for each call so far.
    attempts: Vec<Call>,
    in_flight: usize,
    max_in_flight: usize,
}

/// A fault that lasts, with what flapping needs to remember.
#[derive(Debug)]
struct Standing {
    calls: Calls,
    fault: Fault,
    since: Instant,
    covered: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self { script: Arc::default(), releases: watch::Sender::new(0) }
    }
}

impl Faults {
    /// `vault` with these faults in front of it. Without a fault, every call passes unchanged.
    pub fn wrap(&self, vault: Arc<dyn Vault>) -> Arc<FaultyVault> {
        Arc::new(FaultyVault { inner: vault, faults: self.clone() })
    }

    /// From now on, `fault` happens to `calls`, in place of what was set for the same `calls` before.
    pub fn set(&self, calls: Calls, fault: Fault) {
        let mut script = self.lock();
        script.standing.retain(|standing| standing.calls != calls);
        script.standing.push(Standing { calls, fault, since: Instant::now(), covered: 0 });
    }

    /// `fault` happens to the next one of `calls`; several queue up.
    pub fn once(&self, calls: Calls, fault: Fault) {
        self.lock().once.push_back((calls, fault));
    }

    /// Forgets every fault. A call that hangs already keeps hanging until [`Faults::release`].
    pub fn clear(&self) {
        let mut script = self.lock();
        script.standing.clear();
        script.once.clear();
    }

    /// Lets the calls that hang now go on to the vault. Later ones hang again while [`Fault::Hang`] is set.
    pub fn release(&self) {
        self.releases.send_modify(|releases| *releases += 1);
    }

    /// How many of `calls` have arrived, whatever became of them; a read of many is one.
    pub fn attempts(&self, calls: Calls) -> usize {
        self.lock().attempts.iter().filter(|&&call| calls.cover(call)).count()
    }

    /// How many calls are being answered now, hung ones included.
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// The most calls that were being answered at one time.
    pub fn max_in_flight(&self) -> usize {
        self.lock().max_in_flight
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, does what the script says, and asks the vault unless the script says not to.
    async fn run<T>(&self, call: Call, ask: impl Future<Output = T>) -> Result<T, VaultError> {
        // Subscribed before the script is read, so that a release in between is seen.
        let mut releases = self.releases.subscribe();
        let (fault, _in_flight) = self.arrive(call);
        match fault {
            None => {}
            Some(Fault::Delay(pause)) => tokio::time::sleep(pause).await,
            // An error would mean that the sender, which `self` holds, is gone.
            Some(Fault::Hang) => drop(releases.changed().await),
            Some(Fault::FailAfter(pause, error)) => {
                tokio::time::sleep(pause).await;
                return Err(error);
            }
            Some(Fault::LostAnswer(error)) => {
                ask.await;
                return Err(error);
            }
            Some(Fault::Fail(error) | Fault::FlapByCalls { error, .. } | Fault::FlapByTime { error, .. }) => {
                return Err(error);
            }
        }
        Ok(ask.await)
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
        if let Some(at) = self.once.iter().position(|(calls, _)| calls.cover(call)) {
            return self.once.remove(at).map(|(_, fault)| fault);
        }
        self.standing.iter_mut().rev().find(|standing| standing.calls.cover(call))?.next()
    }
}

impl Standing {
    /// The fault, unless it flaps and this call is one of the good ones.
    fn next(&mut self) -> Option<Fault> {
        let call = self.covered;
        self.covered += 1;
        let fails = match self.fault {
            Fault::FlapByCalls { failing, answered, .. } => {
                call.checked_rem(failing + answered).is_some_and(|turn| turn < failing)
            }
            Fault::FlapByTime { period, .. } => {
                let turn = self.since.elapsed().as_nanos().checked_div(period.as_nanos());
                turn.is_none_or(|turn| turn % 2 == 0)
            }
            _ => true,
        };
        fails.then(|| self.fault.clone())
    }
}

/// Counts a call as being answered, until it has its answer or nobody waits for it any more.
struct InFlight<'a>(&'a Faults);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

/// A vault with scripted faults in front of it; [`Faults::wrap`] makes one.
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

    fn read_many<'a>(&'a self, wanted: &'a [ReadRequest]) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(async move {
            let answers = self.faults.run(Call::Read, self.inner.read_many(wanted)).await;
            answers.unwrap_or_else(|error| wanted.iter().map(|_| Err(error.clone())).collect())
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

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move { self.faults.run(Call::Probe, self.inner.probe()).await? })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
