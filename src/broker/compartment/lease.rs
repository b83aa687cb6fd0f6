//! Leases: grants that the vault takes back when their time is over, for example a database login made for this process.
//!
//! A secret with a lease is not like another. Reading it again does not confirm it but makes another one, so it stays
//! in the cache for as long as its lease lasts, and something has to happen before that ends:
//!
//! - **Used, and renewable: renewed** at two thirds of its life, so that a third is left to try again in.
//! - **Used, and its renewals are over** (not renewable, refused, or the renewed life is shorter because the store's
//!   longest life is near): **replaced**. A new one is read while the old one is still served.
//! - **Not used since its last renewal: left to run out.** It is a spare for an outage of the vault until then; who asks
//!   for it in its last third reads a new one, and is never handed a login that is about to end.
//!
//! # When a lease is released
//!
//! When nobody holds its credential any more, and not before. Each [`Credential`](crate::broker::Credential) carries a
//! [`LeaseGuard`] on its lease. The cache has one reference to it and each call in flight another one. Replaced, evicted,
//! rejected, or read by a fill that lost its race: in each case the cache's reference goes (or never was), the calls that
//! still work with the credential end one by one, and the last to go gives the lease back. So no call loses its login
//! under its hands, and no guess at how long calls take is needed. What could not be released simply runs out.
//!
//! [`keeper`](super::keeper) does what is due; this file knows what that is.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cofferdam_vault::{ErrorKind, Lease, Scope, Secret, VaultError};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::retry::Jitter;
use super::slot::Slot;
use super::wanted::Wanted;
use super::{CompartmentPolicy, later};

/// The part of a life after which a lease is renewed or replaced.
const DUE_AT: f64 = 2.0 / 3.0;

/// How much earlier, at random: leases that were read in one burst are not renewed in one.
const JITTER: f64 = 0.1;

/// A renewed life this much shorter than the first one is the last: less is rounding.
const SHRUNK: f64 = 0.9;

/// The shortest pause before what failed is tried again. Longer ones are a third of the time that is left.
const PAUSE: Duration = Duration::from_millis(200);

/// The leases of one compartment.
pub(super) struct Leases {
    table: Mutex<Table>,
    /// Told when something may be due earlier than it was.
    pub(super) changed: Notify,
    capacity: usize,
    jitter: Jitter,
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, Open>,
    /// What is due when, in that order; each open lease once, but for those that are being tended.
    due: BTreeSet<(Instant, u64)>,
    last_number: u64,
    closed: bool,
}

/// A lease that has not been released.
struct Open {
    lease: Lease,
    wanted: Arc<Wanted>,
    /// Its secret's place in the cache, where it ever had one.
    slot: Option<Arc<Slot>>,
    /// How long it first lasted.
    granted: Duration,
    /// When it runs out by itself.
    ends: Instant,
    due: Instant,
    free: bool,
}

/// What is to be done about a lease.
pub(super) enum Care {
    /// Nobody holds it any more.
    Release(Lease),
    /// It is used.
    Renew(Lease),
    /// It is used, and cannot be renewed: what to read anew.
    Replace(Arc<Wanted>),
}

impl Leases {
    /// No leases; as many may be open as the cache holds secrets, and one more for each caller that may wait.
    pub(super) fn new(walls: &CompartmentPolicy, jitter: Jitter) -> Self {
        let entries = usize::try_from(walls.cache_entries).unwrap_or(usize::MAX);
        let capacity = entries.saturating_add(walls.max_waiting);
        Self { table: Mutex::default(), changed: Notify::new(), capacity, jitter }
    }

    /// Takes charge of the lease of `secret`, which was read just now. `None` where it has none, or more are open than may
    /// be, or the compartment is closed: such a lease runs out by itself.
    pub(super) fn take(self: &Arc<Self>, wanted: &Arc<Wanted>, secret: &Secret) -> Option<LeaseGuard> {
        let mut lease = secret.lease.clone()?;
        let granted = life(secret)?;
        // What ends before its lease does, a longer lease does not help.
        lease.renewable &= granted >= lease.duration;
        let now = Instant::now();
        let mut table = self.lock();
        if table.closed {
            return None;
        }
        if table.open.len() >= self.capacity {
            drop(table);
            tracing::warn!(path = %wanted.path, "too many leases are open; this one is left to run out");
            return None;
        }
        table.last_number += 1;
        let number = table.last_number;
        let ends = later(now, lease.duration);
        let due = later(now, self.until_due(granted));
        let wanted = Arc::clone(wanted);
        table.open.insert(number, Open { lease, wanted, slot: None, granted, ends, due, free: false });
        table.due.insert((due, number));
        drop(table);
        self.changed.notify_one();
        Some(LeaseGuard { number, leases: Arc::downgrade(self) })
    }

    /// From now on the lease of what lies in `slot` is kept alive while it is used.
    pub(super) fn keep(&self, slot: &Arc<Slot>) {
        if let Some(number) = slot.number()
            && let Some(open) = self.lock().open.get_mut(&number)
        {
            open.slot = Some(Arc::clone(slot));
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.lock().due.first().map(|(due, _)| *due)
    }

    /// The next lease that is due, and what to do about it; it is not due again until its outcome is told.
    pub(super) fn pop_due(&self, now: Instant) -> Option<(u64, Care)> {
        // Dropped after the lock is given back: a slot may have the last hold on its lease.
        let mut ended = Vec::new();
        let mut table = self.lock();
        loop {
            let (_, number) = *table.due.first().filter(|(due, _)| *due <= now)?;
            table.due.pop_first();
            let Some(open) = table.open.get_mut(&number) else { continue };
            if open.ends <= now {
                ended.extend(table.open.remove(&number));
            } else if open.free {
                return Some((number, Care::Release(open.lease.clone())));
            } else if !open.slot.as_ref().is_some_and(|slot| slot.used(now)) {
                // Not kept: replaced, while calls still hold it, or not used.
                let ends = open.ends;
                table.schedule(number, ends);
            } else if open.lease.renewable {
                return Some((number, Care::Renew(open.lease.clone())));
            } else {
                return Some((number, Care::Replace(Arc::clone(&open.wanted))));
            }
        }
    }

    /// Takes in a renewal's answer. What it says is left to do now: nothing, or to replace the lease.
    pub(super) fn renewed(&self, number: u64, answer: Result<Lease, VaultError>) -> Option<Arc<Wanted>> {
        let now = Instant::now();
        let mut table = self.lock();
        let open = table.open.get_mut(&number)?;
        let slot = open.slot.clone();
        match answer {
            Ok(renewed) => {
                open.ends = later(now, renewed.duration);
                open.lease.id = renewed.id;
                open.lease.renewable = renewed.renewable && renewed.duration >= open.granted.mul_f64(SHRUNK);
                slot.inspect(|slot| slot.renewed(now, open.ends));
                if !open.lease.renewable {
                    return Some(Arc::clone(&open.wanted));
                }
                let due = later(now, self.until_due(renewed.duration));
                table.schedule(number, due);
                None
            }
            Err(error) if error.scope() == Scope::Secret => {
                open.lease.renewable = false;
                let wanted = Arc::clone(&open.wanted);
                tracing::info!(path = %wanted.path, reason = %error, "a lease cannot be renewed; its secret is read anew");
                if error.kind() == ErrorKind::NotFound {
                    open.ends = now;
                    drop(table);
                    // It has ended behind our back, and its credential with it.
                    slot.inspect(|slot| slot.clear());
                }
                Some(wanted)
            }
            Err(_) => {
                table.look_again(number, now);
                None
            }
        }
    }

    /// Takes in that the lease's secret was read anew, or could not be.
    pub(super) fn replaced(&self, number: u64) {
        self.lock().look_again(number, Instant::now());
    }

    /// Takes in a release's answer.
    pub(super) fn released(&self, number: u64, answer: Result<(), VaultError>) {
        let mut table = self.lock();
        match answer {
            Err(error) if error.scope() == Scope::Vault => {
                let now = Instant::now();
                let pause = table.pause(number, now);
                table.schedule(number, now + pause);
            }
            done => {
                let open = table.open.remove(&number);
                drop(table);
                if let (Err(error), Some(open)) = (done, open) {
                    tracing::warn!(path = %open.wanted.path, reason = %error, "a lease was not released; it runs out by itself");
                }
            }
        }
    }

    /// Every lease that is open; none is taken charge of from now on.
    pub(super) fn close(&self) -> Vec<Lease> {
        let mut table = self.lock();
        table.closed = true;
        table.due.clear();
        let open = std::mem::take(&mut table.open);
        drop(table);
        let now = Instant::now();
        open.into_values().filter(|open| open.ends > now).map(|open| open.lease).collect()
    }

    fn free(&self, number: u64) {
        let mut table = self.lock();
        let Some(open) = table.open.get_mut(&number) else { return };
        open.free = true;
        let due = open.due;
        // One that is being tended is looked at again when that is over.
        if table.due.contains(&(due, number)) {
            table.schedule(number, Instant::now());
            drop(table);
            self.changed.notify_one();
        }
    }

    fn until_due(&self, life: Duration) -> Duration {
        life.mul_f64(DUE_AT - JITTER * (self.jitter)())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn schedule(&mut self, number: u64, due: Instant) {
        if let Some(open) = self.open.get_mut(&number) {
            self.due.remove(&(open.due, number));
            open.due = due;
            self.due.insert((due, number));
        }
    }

    /// Has the lease looked at again: at once where nobody holds it any more, else in a while.
    fn look_again(&mut self, number: u64, now: Instant) {
        let free = self.open.get(&number).is_some_and(|open| open.free);
        let pause = if free { Duration::ZERO } else { self.pause(number, now) };
        self.schedule(number, now + pause);
    }

    /// A third of what is left of the lease: tries get closer, and end with it.
    fn pause(&self, number: u64, now: Instant) -> Duration {
        let left = self.open.get(&number).map(|open| open.ends.saturating_duration_since(now));
        (left.unwrap_or_default() / 3).max(PAUSE)
    }
}

/// How long a secret with a lease lasts from its answer: its own end may come before its lease's.
pub(super) fn life(secret: &Secret) -> Option<Duration> {
    let lease = secret.lease.as_ref().map(|lease| lease.duration);
    lease.into_iter().chain(secret.valid_for).min()
}

/// A hold on a lease: the lease is released when it is dropped, in the background.
pub(crate) struct LeaseGuard {
    number: u64,
    leases: Weak<Leases>,
}

impl LeaseGuard {
    /// The lease's number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether there was none before it.
    pub(super) fn is_first(&self) -> bool {
        self.number == 1
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        if let Some(leases) = self.leases.upgrade() {
            leases.free(self.number);
        }
    }
}

impl fmt::Debug for LeaseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeaseGuard").field(&self.number).finish()
    }
}

#[cfg(test)]
mod tests;
