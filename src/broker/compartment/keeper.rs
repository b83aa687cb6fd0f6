//! The keeper: the compartment's task that renews, replaces and releases leases when they are due.
//!
//! It sleeps until the next one is due, and does not exist before there is a lease. Its requests pass the same breaker,
//! limit and time-out as a caller's. At most half of the permits are the keeper's, so that nobody who misses a secret
//! queues behind its upkeep.

use std::sync::{Arc, Weak};
use std::time::Duration;

use cofferdam_vault::{Lease, Secret, VaultError};
use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, iter};
use tokio::time::{Instant, sleep_until, timeout};

use super::lease::{Care, LeaseGuard, Leases};
use super::retry::Failure;
use super::wanted::Wanted;
use super::{Compartment, deadline, later};

impl Compartment {
    /// Takes charge of the lease of a secret that was read just now, where it has one.
    pub(super) fn take_lease(self: &Arc<Self>, wanted: &Arc<Wanted>, secret: &Secret) -> Option<LeaseGuard> {
        let hold = self.leases.take(wanted, secret)?;
        if hold.is_first() {
            let leases = Arc::clone(&self.leases);
            self.tasks.spawn(keep(Arc::downgrade(self), leases, self.closing.clone()));
        }
        Some(hold)
    }

    async fn tend(self: Arc<Self>, number: u64, care: Care) {
        match care {
            Care::Release(lease) => self.leases.released(number, self.release(&lease).await),
            Care::Renew(lease) => {
                let answer = self.request(async { self.vault.renew(&lease).await }).await;
                if let Some(wanted) = self.leases.renewed(number, answer) {
                    self.replace(number, &wanted).await;
                }
            }
            Care::Replace(wanted) => self.replace(number, &wanted).await,
        }
    }

    /// Reads the secret anew. Its fill puts it into the cache, in the place of the one that is about to end.
    async fn replace(self: &Arc<Self>, number: u64, wanted: &Arc<Wanted>) {
        let answer = match self.refill(wanted) {
            Ok(pending) => deadline::answered(pending.answer().await).and_then(|answer| answer),
            Err(error) => Err(error),
        };
        if let Err(error) = answer {
            tracing::debug!(vault = %self.name, path = %wanted.path, reason = %error, "no new secret yet for one about to end");
        }
        self.leases.replaced(number);
    }

    async fn release(self: &Arc<Self>, lease: &Lease) -> Result<(), VaultError> {
        self.request(async { self.vault.release(lease).await }).await
    }

    /// One request, made once: what fails is due again later.
    async fn request<T>(
        self: &Arc<Self>,
        request: impl Future<Output = Result<T, VaultError>>,
    ) -> Result<T, VaultError> {
        let deadline = later(Instant::now(), self.walls.deadline);
        self.ask(request, deadline).await.map_err(Failure::into_error)
    }

    /// Releases every lease that is open, within `span`. What is left runs out by itself.
    pub(super) async fn release_leases(self: &Arc<Self>, span: Duration) {
        let open = self.leases.close();
        let count = open.len();
        let mut released = 0;
        let mut answers = iter(open)
            .map(|lease| async move { self.release(&lease).await })
            .buffer_unordered(self.walls.max_in_flight.max(1));
        let all = async {
            while let Some(answer) = answers.next().await {
                released += usize::from(answer.is_ok());
            }
        };
        // Those that were not answered in time count as not released.
        let _ = timeout(span, all).await;
        if released < count {
            tracing::warn!(vault = %self.name, count = count - released, "leases were not released; they run out by themselves");
        }
    }
}

/// Does what is due, until the compartment closes. Does not keep it alive.
async fn keep(
    compartment: Weak<Compartment>,
    leases: Arc<Leases>,
    closing: tokio_util::sync::CancellationToken,
) {
    let mut work = FuturesUnordered::new();
    loop {
        let Some(this) = compartment.upgrade() else { return };
        let at_once = (this.walls.max_in_flight / 2).max(1);
        while work.len() < at_once
            && let Some((number, care)) = leases.pop_due(Instant::now())
        {
            work.push(Arc::clone(&this).tend(number, care));
        }
        drop(this);
        let next = leases.next_due().filter(|_| work.len() < at_once);
        tokio::select! {
            () = closing.cancelled() => return,
            Some(()) = work.next() => {}
            () = leases.changed.notified() => {}
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}
