//! The lease guard: keeps a lease until its credential is no longer in use.

use std::fmt;
use std::sync::Weak;

/// Learns when a credential with a lease is no longer in use.
pub(crate) trait LeaseOwner: Send + Sync {
    /// The guard of the lease `id` was dropped. Must not block.
    fn guard_dropped(&self, id: u64);
}

/// Keeps a lease. The lease is released in the background when the guard is dropped.
pub(crate) struct LeaseGuard {
    id: u64,
    owner: Weak<dyn LeaseOwner>,
}

impl LeaseGuard {
    /// The guard of the lease `id` of `owner`.
    pub(crate) fn new(id: u64, owner: Weak<dyn LeaseOwner>) -> Self {
        Self { id, owner }
    }

    /// The id of the lease.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.upgrade() {
            owner.guard_dropped(self.id);
        }
    }
}

impl fmt::Debug for LeaseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeaseGuard").field(&self.id).finish()
    }
}
