//! One vault with the walls around it.
//!
//! A compartment keeps a failing vault from taking anything else along: no caller waits longer than it wanted to,
//! no failing vault is hit harder than a healthy one, and nothing in here (clients, permits, tasks, threads, cache)
//! is shared with another vault.
//!
//! # The order of the walls
//!
//! From outside in, and this is the one place where the order is written; [`Compartment::resolve`],
//! [`Compartment::read`] and [`Compartment::ask`] are its code:
//!
//! ```text
//! caller's deadline → cache → fill: fill deadline → retry → breaker → limit → attempt timeout → vault
//! deadline.rs         cache.rs fill.rs              retry.rs breaker.rs limit.rs attempt.rs
//! ```
//!
//! Why this order and no other:
//!
//! - **Deadline outside the fill.** A caller gives up for itself alone. Inside the fill, the first caller's
//!   deadline would end the read for the thousand who wait with it.
//! - **Cache outside everything that can wait.** A hit costs no permit, and an open breaker takes no cached secret away.
//! - **Fill around retry.** One deadline bounds all attempts, pauses and our own queue together. The fill sets it
//!   and hands it inwards instead of cutting from outside: so each wall can say *whose* time ran out.
//! - **Retry outside the breaker.** Every attempt asks the breaker and counts by itself. The other way round, three
//!   failed attempts count as one, and a breaker that opened meanwhile does not stop the second.
//! - **Breaker outside the limit, and asked again inside it.** An open breaker must answer without queueing. A queue
//!   that formed before it opened must not run into the vault one permit at a time.
//! - **Limit outside the attempt's clock.** With the clock started first, our own queue would look like a slow vault,
//!   and load alone would open the breaker.
//! - **Retry outside the limit.** With the permit held while a retry sleeps, a few failing reads block the healthy ones.
//!
//! # What a state means
//!
//! A state says what the breaker says. Single failures below its threshold leave a compartment `ready`: they are
//! retried, and their callers are told. With the breaker open it is `degraded` while the cache has something that may
//! still be served, else `down`. See [`state`].
//!
//! # Who owns what
//!
//! Fills, re-reads after a rejection, the recovery and the keeper of leases are tasks of the compartment, not of a caller:
//! a caller that goes away takes nobody with it. All of them end by themselves within a fill's deadline, or when the
//! compartment closes. A lease belongs to whoever holds its credential, and is released when nobody does: see [`lease`].

mod attempt;
mod breaker;
mod cache;
mod deadline;
mod fill;
mod keeper;
mod lease;
mod limit;
mod pending;
mod policy;
mod probe;
mod reject;
mod retry;
mod slot;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wanted;
mod warm;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{ErrorKind, ReadRequest, Secret, Stage, Vault, VaultError};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::attempt::Attempt;
use self::breaker::{Breaker, Standing};
use self::cache::Cache;
use self::deadline::WaitingRoom;
use self::fill::Fills;
pub(crate) use self::lease::LeaseGuard;
use self::lease::Leases;
use self::limit::Limit;
pub use self::policy::{BreakerPolicy, CompartmentPolicy};
use self::probe::Probes;
use self::reject::Rejections;
use self::retry::{Failure, Jitter, Retry};
pub use self::state::CompartmentState;
pub(super) use self::state::Status;
use self::wanted::Confirmed;
pub(super) use self::wanted::Wanted;

use super::Credential;

/// One vault with the walls around it.
pub(super) struct Compartment {
    name: String,
    vault: Arc<dyn Vault>,
    walls: CompartmentPolicy,
    room: WaitingRoom,
    cache: Cache,
    fills: Fills,
    retry: Retry,
    breaker: Breaker,
    limit: Limit,
    attempt: Attempt,
    probes: Probes,
    rejections: Rejections,
    leases: Arc<Leases>,
    /// Every task of this compartment.
    tasks: TaskTracker,
    /// Ends the recovery and the keeping of leases, and keeps new fills from starting.
    closing: CancellationToken,
    _closed_when_dropped: DropGuard,
}

impl Compartment {
    /// Puts `vault` behind `walls`. Touches nothing.
    pub(super) fn new(name: String, walls: CompartmentPolicy, vault: Arc<dyn Vault>) -> Arc<Self> {
        Self::with_jitter(name, walls, vault, fastrand::f64)
    }

    fn with_jitter(
        name: String,
        walls: CompartmentPolicy,
        vault: Arc<dyn Vault>,
        jitter: Jitter,
    ) -> Arc<Self> {
        let closing = CancellationToken::new();
        Arc::new(Self {
            name,
            room: WaitingRoom::new(walls.max_waiting),
            cache: Cache::new(&walls),
            fills: Fills::default(),
            retry: Retry::new(walls.retries, jitter),
            breaker: Breaker::new(&walls),
            limit: Limit::new(walls.max_in_flight),
            attempt: Attempt::new(walls.attempt_timeout.min(walls.deadline)),
            probes: Probes::new(walls.attempt_timeout, walls.probe_interval, jitter),
            rejections: Rejections::new(&walls),
            leases: Arc::new(Leases::new(&walls, jitter)),
            tasks: TaskTracker::new(),
            _closed_when_dropped: closing.clone().drop_guard(),
            closing,
            vault,
            walls,
        })
    }

    /// The outer walls: the caller's deadline, the cache, the fill.
    ///
    /// With the vault at fault, or too slow for this caller, a cached secret that may still be served is the answer; and it is
    /// so at once where the last attempt found the vault at fault, while a fill looks whether it still is. Callers who
    /// waited it out would be answered all in one moment, at the cost of everybody else's.
    pub(super) async fn resolve(
        self: &Arc<Self>,
        wanted: &Arc<Wanted>,
        deadline: Instant,
    ) -> Result<Arc<Credential>, VaultError> {
        let now = Instant::now();
        if let Some(answer) = self.cache.fresh(wanted, now) {
            if answer.as_ref().is_ok_and(|found| self.cache.ageing(found, now)) {
                self.renew(wanted);
            }
            return answer.map(|confirmed| confirmed.credential);
        }
        if self.breaker.standing() == Standing::Shut
            && let Some(stale) = self.stale(wanted)
        {
            return Ok(stale);
        }
        let answer = tokio::select! {
            // The fill first: it is what finds out whether the vault is back.
            biased;
            answer = self.filled(wanted, deadline) => answer,
            stale = self.spared(wanted) => return Ok(stale),
        };
        match answer {
            Err(error) if error.allows_stale() => self.stale(wanted).ok_or(error),
            answer => answer,
        }
    }

    /// Has `wanted` read anew, for those who come later. Where that fails they find out themselves.
    fn renew(self: &Arc<Self>, wanted: &Arc<Wanted>) {
        if self.breaker.standing() != Standing::Shut {
            let _ = self.refill(wanted);
        }
    }

    /// The cached secret, as soon as the vault is in doubt; without one, nothing ever.
    async fn spared(&self, wanted: &Wanted) -> Arc<Credential> {
        self.breaker.doubted().await;
        match self.stale(wanted) {
            Some(stale) => stale,
            None => std::future::pending().await,
        }
    }

    fn stale(&self, wanted: &Wanted) -> Option<Arc<Credential>> {
        let stale = self.cache.stale(wanted, Instant::now())?;
        tracing::debug!(vault = %self.name, path = %wanted.path, "served from the cache: the vault cannot answer");
        Some(stale)
    }

    async fn filled(
        self: &Arc<Self>,
        wanted: &Arc<Wanted>,
        deadline: Instant,
    ) -> Result<Arc<Credential>, VaultError> {
        let _seat = self.room.enter()?;
        let answer = deadline::wait(self.fill(wanted)?, deadline).await?;
        answer.map(|confirmed| confirmed.credential)
    }

    /// The inner walls: fill deadline, retry, and around each attempt the breaker and the limit.
    async fn read(self: &Arc<Self>, wanted: &Arc<Wanted>, stage: Stage) -> Result<Confirmed, VaultError> {
        let deadline = later(Instant::now(), self.walls.deadline);
        let leases = self.vault.creates_lease(&wanted.path);
        self.retry
            .run(deadline, leases, || async move {
                let read = async { self.vault.read(&wanted.path, &wanted.fields, stage).await };
                let secret = self.ask(read, deadline).await?;
                self.confirmed(wanted, secret, stage).map_err(Failure::Vault)
            })
            .await
    }

    /// As [`Compartment::read`], of the current state of many in one request; answers in the order of `wanted`.
    async fn read_many(self: &Arc<Self>, wanted: &[Arc<Wanted>]) -> Vec<fill::Answer> {
        let deadline = later(Instant::now(), self.walls.deadline);
        let request = |one: &Arc<Wanted>| ReadRequest { path: one.path.clone(), fields: one.fields.to_vec() };
        let requests: Vec<_> = wanted.iter().map(request).collect();
        let read = async || {
            let answers = self.vault.read_many(&requests).await;
            // Where none was answered the vault has failed, and not the secrets.
            match answers.first() {
                Some(Err(error))
                    if answers.iter().all(|one| one.as_ref().is_err_and(VaultError::allows_stale)) =>
                {
                    Err(error.clone())
                }
                _ => Ok(answers),
            }
        };
        match self.retry.run(deadline, false, || self.ask(read(), deadline)).await {
            Ok(answers) => answers
                .into_iter()
                .zip(wanted)
                .map(|(answer, wanted)| {
                    answer.and_then(|secret| self.confirmed(wanted, secret, Stage::Current))
                })
                .collect(),
            Err(error) => vec![Err(error); wanted.len()],
        }
    }

    /// The innermost walls: one request to the vault behind the breaker and the limit.
    async fn ask<T>(
        self: &Arc<Self>,
        request: impl Future<Output = Result<T, VaultError>>,
        deadline: Instant,
    ) -> Result<T, Failure> {
        // The breaker is asked before queueing, while queueing, and once more with the permit in hand.
        let permit = self.limit.enter(deadline, self.breaker.opened()).await?;
        let pass = self.breaker.admit()?;
        let answer = self.attempt.run(request, &self.vault.info().location, permit, deadline).await?;
        if self.breaker.record(pass, answer.as_ref().err()) {
            self.given_up();
        }
        answer.map_err(Failure::Vault)
    }

    /// The vault's answer of just now, whose lease is taken charge of first: where the answer is of no use, it is released.
    ///
    /// # Errors
    ///
    /// `Malformed` where a field is missing that was asked for: it would send a credential with a hole in it.
    fn confirmed(
        self: &Arc<Self>,
        wanted: &Arc<Wanted>,
        secret: Secret,
        stage: Stage,
    ) -> Result<Confirmed, VaultError> {
        let hold = self.take_lease(wanted, &secret);
        match wanted.fields.iter().find(|field| !secret.fields.contains_key(field)) {
            None => Ok(Confirmed::new(wanted, secret, stage, hold)),
            Some(field) => Err(VaultError::secret(
                ErrorKind::Malformed,
                format!(
                    "the vault answered {} without its field `{field}`; write the secret anew",
                    wanted.path
                ),
            )),
        }
    }

    /// How this compartment is.
    pub(super) fn status(&self) -> Status {
        Status::of(self.breaker.snapshot(), self.cache.servable_until(), Instant::now())
    }

    /// The vault itself, for commands that want the store's own answer.
    pub(super) fn vault(&self) -> &Arc<dyn Vault> {
        &self.vault
    }

    /// The vault's name in the profile.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How long a caller does well to wait before it asks again, while the vault is given up.
    pub(super) fn probe_interval(&self) -> Duration {
        self.walls.probe_interval
    }

    /// Ends the recovery, lets running fills finish for half of the deadline, releases the leases for half of the rest, and
    /// closes the vault.
    pub(super) async fn close(self: &Arc<Self>) {
        let end = later(Instant::now(), self.walls.deadline);
        self.closing.cancel();
        self.tasks.close();
        if timeout(self.walls.deadline / 2, self.tasks.wait()).await.is_err() {
            tracing::warn!(vault = %self.name, "closing with reads still running");
        }
        self.release_leases(self.walls.deadline / 4).await;
        if timeout_at(end, attempt::guarded(async { self.vault.close().await })).await.is_err() {
            tracing::warn!(vault = %self.name, "the vault did not close in time");
        }
    }
}

impl fmt::Debug for Compartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compartment")
            .field("name", &self.name)
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}

/// `at` and `span` later; a span too long for the clock ends in thirty years.
fn later(at: Instant, span: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    at.checked_add(span).unwrap_or_else(|| at + FAR)
}

/// What a wall of ours says where it lets nothing through: the vault was not asked.
fn refusal(message: impl Into<String>) -> VaultError {
    VaultError::vault(ErrorKind::Unavailable, message)
}
