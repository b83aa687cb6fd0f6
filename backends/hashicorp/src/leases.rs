//! Tracks the leases that reads of this vault created, so that all of them are revoked at shutdown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::{ErrorKind, Lease, VaultError};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use crate::client::{Client, Namespace};
use crate::endpoint;
use crate::session::Session;
use crate::token::Ttl;

/// Maximum number of open leases. Beyond it, reads that would create one are refused until others have expired.
const MAX_LEASES: usize = 10_000;

/// How many leases are revoked concurrently when the vault closes.
const CONCURRENT_REVOCATIONS: usize = 8;

/// The open leases of one vault.
#[derive(Default)]
pub(crate) struct Leases {
    open: Mutex<HashMap<String, Tracked>>,
}

struct Tracked {
    /// The session whose token created the lease. The lease expires with that token at the latest.
    session: Arc<Session>,
    end: Instant,
}

impl Leases {
    /// Checks that one more lease can be tracked.
    ///
    /// # Errors
    ///
    /// `Throttled` if too many leases are open.
    pub(crate) fn check_capacity(&self) -> Result<(), VaultError> {
        let mut open = self.lock();
        if open.len() >= MAX_LEASES {
            let now = Instant::now();
            open.retain(|_, lease| lease.end > now);
        }
        if open.len() < MAX_LEASES {
            return Ok(());
        }
        let message = format!("{MAX_LEASES} leases are open; shorten the TTL in the engine's role");
        Err(VaultError::vault(ErrorKind::Throttled, message))
    }

    /// Tracks a lease that a request of `session`, sent at `start`, created or renewed. Returns it with the duration that
    /// it really has: a lease is revoked with the token of its session.
    pub(crate) fn track(&self, mut lease: Lease, session: &Arc<Session>, start: Instant) -> Lease {
        if let Some(ttl) = Ttl::new(start, lease.duration.as_secs()) {
            let tracked = Tracked { session: Arc::clone(session), end: ttl.end() };
            self.lock().insert(lease.id.clone(), tracked);
        }
        lease.duration = session.remaining().map_or(lease.duration, |left| left.min(lease.duration));
        lease
    }

    /// Stops tracking the lease with this `id`.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    /// The session whose token created the lease with this `id`.
    pub(crate) fn session_of(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().get(id).map(|lease| Arc::clone(&lease.session))
    }

    /// Whether `session` has open leases.
    pub(crate) fn any_of(&self, session: &Arc<Session>) -> bool {
        let now = Instant::now();
        self.lock().values().any(|lease| lease.end > now && Arc::ptr_eq(&lease.session, session))
    }

    /// Revokes all leases and returns the sessions that created them.
    pub(crate) async fn revoke_all(&self, client: &Client, location: &str) -> Vec<Arc<Session>> {
        let open = std::mem::take(&mut *self.lock());
        let mut owners: Vec<Arc<Session>> = Vec::new();
        for lease in open.values() {
            if !owners.iter().any(|known| Arc::ptr_eq(known, &lease.session)) {
                owners.push(Arc::clone(&lease.session));
            }
        }
        let now = Instant::now();
        futures_util::stream::iter(open.into_iter().filter(|(_, lease)| lease.end > now))
            .for_each_concurrent(CONCURRENT_REVOCATIONS, |(id, lease)| async move {
                let revoke = endpoint::revoke_lease(&id);
                let response = client.send(&revoke, Some(&lease.session.token), Namespace::Configured).await;
                if !response.is_ok_and(|response| response.status.is_success()) {
                    tracing::warn!(vault = %location, "a lease was not revoked; it expires with its token");
                }
            })
            .await;
        owners
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Tracked>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
