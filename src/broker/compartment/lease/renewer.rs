//! The lease renewer: the task that renews, replaces and releases leases when they are due.
//!
//! The task starts with the first lease and sleeps until the next action is due. Its requests pass the breaker, the
//! concurrency limit and the attempt timeout like a caller's. It uses at most half of the permits, so that callers do not
//! queue behind it.

use std::sync::{Arc, Once};
use std::time::Duration;

use cofferdam_vault::{Secret, VaultError};
use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, iter};
use tokio::time::{Instant, sleep_until, timeout};

use super::table::{LeaseAction, Leases};
use crate::broker::compartment::cache::{CacheKey, LeasedEntry};
use crate::broker::compartment::client::VaultClient;
use crate::broker::compartment::policy::CompartmentPolicy;
use crate::broker::compartment::tasks::Tasks;
use crate::broker::compartment::timing::Jitter;
use crate::broker::credential::LeaseGuard;

/// Keeps the leases of one compartment.
pub(crate) struct LeaseRenewer {
    leases: Arc<Leases>,
    client: Arc<VaultClient>,
    max_in_flight: usize,
    started: Once,
    tasks: Tasks,
}

impl LeaseRenewer {
    /// A renewer without leases.
    pub(crate) fn new(
        policy: &CompartmentPolicy,
        jitter: Jitter,
        client: Arc<VaultClient>,
        tasks: Tasks,
    ) -> Arc<Self> {
        let leases = Leases::new(policy, jitter);
        Arc::new(Self { leases, client, max_in_flight: policy.max_in_flight, started: Once::new(), tasks })
    }

    /// Takes charge of the lease of `secret`, which the vault has just returned. The lease is released when the guard is
    /// dropped. Returns `None` if the secret has no lease, or it is left to expire.
    ///
    /// `reload` reads a key into the cache again.
    pub(crate) fn register<F>(
        self: &Arc<Self>,
        key: &Arc<CacheKey>,
        secret: &Secret,
        reload: impl Fn(Arc<CacheKey>) -> F + Send + Sync + 'static,
    ) -> Option<LeaseGuard>
    where
        F: Future<Output = Result<(), VaultError>> + Send + 'static,
    {
        let guard = self.leases.register(key, secret)?;
        self.started.call_once(|| self.tasks.spawn(Arc::clone(self).run(reload)));
        Some(guard)
    }

    /// Keeps the lease of a cached secret alive while the secret is used.
    pub(crate) fn track(&self, entry: &Arc<LeasedEntry>) {
        self.leases.track(entry);
    }

    /// Releases every open lease within `limit`. Returns how many were not released; these expire by themselves.
    pub(crate) async fn release_all(&self, limit: Duration) -> usize {
        let open = self.leases.close();
        let mut left = open.len();
        let mut results = iter(open)
            .map(|lease| async move { self.client.release(&lease).await })
            .buffer_unordered(self.max_in_flight.max(1));
        let release = async {
            while let Some(result) = results.next().await {
                left -= usize::from(result.is_ok());
            }
        };
        // After the limit, the leases without a result count as not released.
        let _ = timeout(limit, release).await;
        left
    }

    /// Runs the actions that are due until the compartment closes.
    async fn run<F>(self: Arc<Self>, reload: impl Fn(Arc<CacheKey>) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), VaultError>> + Send + 'static,
    {
        let max_actions = (self.max_in_flight / 2).max(1);
        let mut actions = FuturesUnordered::new();
        loop {
            while actions.len() < max_actions
                && let Some((id, action)) = self.leases.pop_due(Instant::now())
            {
                actions.push(self.perform(id, action, &reload));
            }
            let next = self.leases.next_due().filter(|_| actions.len() < max_actions);
            tokio::select! {
                () = self.tasks.closing() => return,
                Some(()) = actions.next() => {}
                () = self.leases.changed() => {}
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    async fn perform<F: Future<Output = Result<(), VaultError>>>(
        &self,
        id: u64,
        action: LeaseAction,
        reload: &impl Fn(Arc<CacheKey>) -> F,
    ) {
        let replace = match action {
            LeaseAction::Release(lease) => {
                self.leases.released(id, self.client.release(&lease).await);
                None
            }
            LeaseAction::Renew(lease) => self.leases.renewed(id, self.client.renew(&lease).await),
            LeaseAction::Replace(key) => Some(key),
        };
        if let Some(key) = replace {
            if let Err(error) = reload(Arc::clone(&key)).await {
                tracing::debug!(path = %key.path, reason = %error, "a secret whose lease ends was not replaced yet");
            }
            self.leases.replaced(id);
        }
    }
}

#[cfg(test)]
impl LeaseRenewer {
    /// The table of open leases.
    pub(crate) fn leases(&self) -> &Arc<Leases> {
        &self.leases
    }
}
