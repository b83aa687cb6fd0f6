//! The table of open leases: what is due when.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cofferdam_vault::{ErrorKind, Lease, Scope, Secret, VaultError};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::broker::compartment::cache::{CacheKey, LeasedEntry, lifetime};
use crate::broker::compartment::policy::CompartmentPolicy;
use crate::broker::compartment::timing::{Jitter, saturating_add};
use crate::broker::credential::{LeaseGuard, LeaseOwner};

/// The part of its life after which a lease is renewed or replaced.
const DUE_AT: f64 = 2.0 / 3.0;

/// Maximum jitter, as a part of the life. It only shortens the time, so that leases of one burst are not renewed in one.
const JITTER: f64 = 0.1;

/// A renewed duration below this part of the first one is the last renewal. A smaller difference is rounding.
const SHRUNK: f64 = 0.9;

/// The shortest pause before a failed action is repeated. A longer one is a third of the time that is left.
const MIN_PAUSE: Duration = Duration::from_millis(200);

/// What to do about a lease that is due.
pub(super) enum LeaseAction {
    /// Its credential is no longer in use.
    Release(Lease),
    /// Its credential is in use.
    Renew(Lease),
    /// Its credential is in use, and the lease cannot be renewed. Read this key again.
    Replace(Arc<CacheKey>),
}

/// The open leases of one compartment.
pub(crate) struct Leases {
    table: Mutex<Table>,
    /// Notified when an action may be due earlier than before.
    changed: Notify,
    capacity: usize,
    jitter: Jitter,
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, OpenLease>,
    /// When each lease is due, in order. A lease whose action is running is not in here.
    due: BTreeSet<(Instant, u64)>,
    last_id: u64,
    closed: bool,
}

/// A lease that has not been released.
struct OpenLease {
    lease: Lease,
    key: Arc<CacheKey>,
    /// The cache entry of its secret, once it has one.
    entry: Option<Arc<LeasedEntry>>,
    /// The duration that the vault first granted.
    granted: Duration,
    expires_at: Instant,
    due: Instant,
    /// Whether the guard has been dropped.
    unused: bool,
}

impl Leases {
    /// An empty table. It has room for one lease per cached secret and one more per waiting caller.
    pub(super) fn new(policy: &CompartmentPolicy, jitter: Jitter) -> Arc<Self> {
        let entries = usize::try_from(policy.cache_entries).unwrap_or(usize::MAX);
        let capacity = entries.saturating_add(policy.max_waiting);
        Arc::new(Self { table: Mutex::default(), changed: Notify::new(), capacity, jitter })
    }

    /// Registers the lease of `secret`, which the vault has just returned.
    ///
    /// Returns `None` if the secret has no lease, the table is full, or the compartment is closed. Such a lease expires by
    /// itself.
    pub(super) fn register(self: &Arc<Self>, key: &Arc<CacheKey>, secret: &Secret) -> Option<LeaseGuard> {
        let mut lease = secret.lease.clone()?;
        let granted = lifetime(secret)?;
        // Renewing the lease does not help if the secret expires first.
        lease.renewable &= granted >= lease.duration;
        let now = Instant::now();
        let mut table = self.lock();
        if table.closed {
            return None;
        }
        if table.open.len() >= self.capacity {
            drop(table);
            tracing::warn!(path = %key.path, "too many leases are open; this one is left to expire");
            return None;
        }
        table.last_id += 1;
        let id = table.last_id;
        let expires_at = saturating_add(now, lease.duration);
        let due = saturating_add(now, self.until_due(granted));
        let key = Arc::clone(key);
        table.open.insert(id, OpenLease { lease, key, entry: None, granted, expires_at, due, unused: false });
        table.due.insert((due, id));
        drop(table);
        self.changed.notify_one();
        let owner: Weak<Self> = Arc::downgrade(self);
        Some(LeaseGuard::new(id, owner))
    }

    /// Connects a lease with the cache entry of its secret. From now on it is kept alive while it is used.
    pub(super) fn track(&self, entry: &Arc<LeasedEntry>) {
        if let Some(id) = entry.lease_id()
            && let Some(open) = self.lock().open.get_mut(&id)
        {
            open.entry = Some(Arc::clone(entry));
        }
    }

    /// Completes when an action may be due earlier than before.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// When the next action is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lock().due.first().map(|(due, _)| *due)
    }

    /// Returns the next action that is due. Its lease is not due again until the outcome is recorded.
    pub(super) fn pop_due(&self, now: Instant) -> Option<(u64, LeaseAction)> {
        // Dropped after the lock: an entry may hold the last guard of its lease.
        let mut expired = Vec::new();
        let mut table = self.lock();
        loop {
            let (_, id) = *table.due.first().filter(|(due, _)| *due <= now)?;
            table.due.pop_first();
            let Some(open) = table.open.get_mut(&id) else { continue };
            if open.expires_at <= now {
                expired.extend(table.open.remove(&id));
            } else if open.unused {
                return Some((id, LeaseAction::Release(open.lease.clone())));
            } else if !open.entry.as_ref().is_some_and(|entry| entry.check_used(now)) {
                // Not cached, replaced while calls still use it, or not used: left to expire.
                let expires_at = open.expires_at;
                table.schedule(id, expires_at);
            } else if open.lease.renewable {
                return Some((id, LeaseAction::Renew(open.lease.clone())));
            } else {
                return Some((id, LeaseAction::Replace(Arc::clone(&open.key))));
            }
        }
    }

    /// Records the result of a renewal. Returns the key to read again if the lease must be replaced now.
    pub(super) fn renewed(&self, id: u64, result: Result<Lease, VaultError>) -> Option<Arc<CacheKey>> {
        let now = Instant::now();
        let mut table = self.lock();
        let open = table.open.get_mut(&id)?;
        let entry = open.entry.clone();
        match result {
            Ok(renewed) => {
                open.expires_at = saturating_add(now, renewed.duration);
                open.lease.id = renewed.id;
                open.lease.renewable = renewed.renewable && renewed.duration >= open.granted.mul_f64(SHRUNK);
                entry.inspect(|entry| entry.renewed(now, open.expires_at));
                if !open.lease.renewable {
                    return Some(Arc::clone(&open.key));
                }
                let due = saturating_add(now, self.until_due(renewed.duration));
                table.schedule(id, due);
                None
            }
            Err(error) if error.scope() == Scope::Secret => {
                open.lease.renewable = false;
                let key = Arc::clone(&open.key);
                tracing::info!(path = %key.path, reason = %error, "a lease cannot be renewed; its secret is read again");
                if error.kind() == ErrorKind::NotFound {
                    open.expires_at = now;
                    drop(table);
                    // The vault has revoked the lease, and the credential with it.
                    entry.inspect(|entry| entry.clear());
                }
                Some(key)
            }
            Err(_) => {
                table.retry_later(id, now);
                None
            }
        }
    }

    /// Records that the secret of the lease was read again, or that the read failed.
    pub(super) fn replaced(&self, id: u64) {
        self.lock().retry_later(id, Instant::now());
    }

    /// Records the result of a release.
    pub(super) fn released(&self, id: u64, result: Result<(), VaultError>) {
        let mut table = self.lock();
        match result {
            Err(error) if error.scope() == Scope::Vault => {
                let now = Instant::now();
                let pause = table.pause(id, now);
                table.schedule(id, now + pause);
            }
            result => {
                let open = table.open.remove(&id);
                drop(table);
                if let (Err(error), Some(open)) = (result, open) {
                    tracing::warn!(path = %open.key.path, reason = %error, "a lease was not released; it expires by itself");
                }
            }
        }
    }

    /// Closes the table and returns every open lease. No lease is registered from now on.
    pub(super) fn close(&self) -> Vec<Lease> {
        let mut table = self.lock();
        table.closed = true;
        table.due.clear();
        let open = std::mem::take(&mut table.open);
        drop(table);
        let now = Instant::now();
        open.into_values().filter(|open| open.expires_at > now).map(|open| open.lease).collect()
    }

    fn until_due(&self, life: Duration) -> Duration {
        life.mul_f64(DUE_AT - JITTER * (self.jitter)())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LeaseOwner for Leases {
    fn guard_dropped(&self, id: u64) {
        let mut table = self.lock();
        let Some(open) = table.open.get_mut(&id) else { return };
        open.unused = true;
        let due = open.due;
        // If an action is running, its outcome schedules the release.
        if table.due.contains(&(due, id)) {
            table.schedule(id, Instant::now());
            drop(table);
            self.changed.notify_one();
        }
    }
}

impl Table {
    fn schedule(&mut self, id: u64, due: Instant) {
        if let Some(open) = self.open.get_mut(&id) {
            self.due.remove(&(open.due, id));
            open.due = due;
            self.due.insert((due, id));
        }
    }

    /// Schedules the next action: at once for an unused lease, otherwise after a pause.
    fn retry_later(&mut self, id: u64, now: Instant) {
        let unused = self.open.get(&id).is_some_and(|open| open.unused);
        let pause = if unused { Duration::ZERO } else { self.pause(id, now) };
        self.schedule(id, now + pause);
    }

    /// A third of the time that is left: retries come closer together and end with the lease.
    fn pause(&self, id: u64, now: Instant) -> Duration {
        let left = self.open.get(&id).map(|open| open.expires_at.saturating_duration_since(now));
        (left.unwrap_or_default() / 3).max(MIN_PAUSE)
    }
}
