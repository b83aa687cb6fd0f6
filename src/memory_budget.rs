//! The memory for what arrives from outside: the bodies of requests and answers, and what they become once decoded.
//!
//! The size of an answer or a request is decided by whoever sends it. [`MemoryBudget`] bounds what all of them take
//! together, and no module and no caller gets all of it (see [`FairShare`]). It does not count what the process needs without
//! calls, nor the text that a model gets, which has a small bound of its own.
//!
//! The budget has five pools. Whoever waits for one holds nothing of it, so that no two wait for each other:
//!
//! | pool | part | whose | taken |
//! |---|---|---|---|
//! | requests | 2/16 | the caller's | while a large request arrives, until it is decoded |
//! | parsing | 3/16 | the caller's | while a large request is decoded, until its module is known |
//! | arguments | 2/16 | the module's | while a large request runs |
//! | bodies | 2/16 | the module's | while an answer arrives, until it is decoded |
//! | trees | 7/16 | the module's | while an answer is decoded, searched and shortened |
//!
//! A service can make its calls wait for as long as they may. So what a call holds then is its module's.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{FairShare, LogLimit, Refused, Share};
use tokio::time::{Instant, timeout_at};

use crate::caller::Caller;

/// The default of `[server] memory_budget`, in bytes.
pub(crate) const DEFAULT_BYTES: u64 = 192 * 1024 * 1024;

/// After what time somebody who was refused may try again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The least time between two log lines about the same pool.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The memory for requests and answers. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryBudget {
    requests: Arc<Pool<Caller>>,
    parsing: Arc<Pool<Caller>>,
    arguments: Arc<Pool<Arc<str>>>,
    bodies: Arc<Pool<Arc<str>>>,
    trees: Arc<Pool<Arc<str>>>,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl MemoryBudget {
    /// Creates a budget of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let part = |sixteenths| bytes / 16 * sixteenths;
        Self {
            requests: Pool::new("large requests", part(2)),
            parsing: Pool::new("decoding large requests", part(3)),
            arguments: Pool::new("the arguments of large requests", part(2)),
            bodies: Pool::new("the bodies of answers", part(2)),
            trees: Pool::new("decoded answers", part(7)),
        }
    }

    /// The pool for the bodies of callers' large requests.
    pub(crate) fn requests(&self) -> &Arc<Pool<Caller>> {
        &self.requests
    }

    /// The pool for callers' large requests while they are decoded.
    pub(crate) fn parsing(&self) -> &Arc<Pool<Caller>> {
        &self.parsing
    }

    /// The pool for the arguments of calls to modules, once decoded.
    pub(crate) fn arguments(&self) -> &Arc<Pool<Arc<str>>> {
        &self.arguments
    }

    /// The pool for the bodies of answers to modules.
    pub(crate) fn bodies(&self) -> &Arc<Pool<Arc<str>>> {
        &self.bodies
    }

    /// The pool for decoded answers to modules.
    pub(crate) fn trees(&self) -> &Arc<Pool<Arc<str>>> {
        &self.trees
    }
}

/// A part of the budget, for owners of type `K`.
pub(crate) struct Pool<K> {
    purpose: &'static str,
    shares: Arc<FairShare<K>>,
    log: LogLimit,
}

impl<K: Eq + Hash + Clone + fmt::Debug> Pool<K> {
    fn new(purpose: &'static str, bytes: u64) -> Arc<Self> {
        Arc::new(Self { purpose, shares: FairShare::new(bytes), log: LogLimit::new(LOG_INTERVAL) })
    }

    /// The bytes of the pool.
    pub(crate) fn capacity(&self) -> u64 {
        self.shares.capacity()
    }

    /// The bytes that are taken.
    #[cfg(test)]
    pub(crate) fn used(&self) -> u64 {
        self.shares.used()
    }

    /// Gives `owner` so many bytes. Does not wait.
    ///
    /// # Errors
    ///
    /// Returns [`Refused`] if too few are free, or if `owner` would hold more than its share.
    pub(crate) fn take(self: &Arc<Self>, owner: &K, bytes: u64) -> Result<Reservation<K>, Refused> {
        let share = self
            .shares
            .take(owner.clone(), bytes)
            .inspect_err(|refused| self.report(owner, bytes, *refused))?;
        Ok(self.reservation(owner, share))
    }

    /// Like [`Pool::take`], but waits until `deadline` for bytes that others give back. Whoever waits must hold none.
    ///
    /// # Errors
    ///
    /// See [`Pool::take`].
    pub(crate) async fn take_by(
        self: &Arc<Self>,
        owner: &K,
        bytes: u64,
        deadline: Instant,
    ) -> Result<Reservation<K>, Refused> {
        match timeout_at(deadline, self.shares.take_when_free(owner.clone(), bytes)).await {
            Ok(share) => Ok(self.reservation(owner, share)),
            // The last attempt says why.
            Err(_elapsed) => self.take(owner, bytes),
        }
    }

    fn reservation(self: &Arc<Self>, owner: &K, share: Share<K>) -> Reservation<K> {
        Reservation { pool: Arc::clone(self), owner: owner.clone(), share }
    }

    /// Logs that the pool refused `owner`, at most once in [`LOG_INTERVAL`].
    fn report(&self, owner: &K, bytes: u64, refused: Refused) {
        if !self.log.due() {
            return;
        }
        let why = match refused {
            Refused::OwnShare => "its owner holds its share of it",
            Refused::Exhausted => "it is used up",
        };
        tracing::warn!(
            ?owner,
            bytes,
            free = self.shares.capacity() - self.shares.used(),
            "no memory for {}: {why}; `[server] memory_budget` sets how much there is",
            self.purpose
        );
    }
}

impl<K> fmt::Debug for Pool<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("purpose", &self.purpose)
            .field("shares", &self.shares)
            .finish_non_exhaustive()
    }
}

/// Bytes of a pool that one owner holds until this is dropped.
pub(crate) struct Reservation<K: Eq + Hash + Clone> {
    pool: Arc<Pool<K>>,
    owner: K,
    share: Share<K>,
}

impl<K: Eq + Hash + Clone + fmt::Debug> Reservation<K> {
    /// Takes further bytes. Does not wait.
    ///
    /// # Errors
    ///
    /// See [`Pool::take`]. The bytes held so far are kept.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Refused> {
        self.share.grow(bytes).inspect_err(|refused| self.pool.report(&self.owner, bytes, *refused))
    }

    /// Gives so many bytes back, at most all of them.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        self.share.shrink(bytes);
    }
}

impl<K: Eq + Hash + Clone> fmt::Debug for Reservation<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("share", &self.share).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn module(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_what_others_give_back() {
        let budget = MemoryBudget::new(8 * MIB);
        let trees = budget.trees();
        let (a, b) = (module("a"), module("b"));
        let held = trees.take(&a, 2 * MIB).unwrap();
        assert_eq!(trees.take(&b, 2 * MIB).unwrap_err(), Refused::Exhausted);
        let deadline = Instant::now() + Duration::from_secs(1);
        let (waited, ()) = tokio::join!(trees.take_by(&b, 2 * MIB, deadline), async { drop(held) });
        assert_eq!((waited.is_ok(), trees.used()), (true, 2 * MIB));
        drop(waited);
        assert_eq!(trees.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_its_deadline() {
        let budget = MemoryBudget::new(8 * MIB);
        let held = budget.trees().take(&module("a"), budget.trees().capacity()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        assert!(budget.trees().take_by(&module("b"), 1, deadline).await.is_err());
        assert_eq!(Instant::now(), deadline);
        drop(held);
    }

    #[test]
    fn one_module_leaves_some_of_each_pool_for_another() {
        let budget = MemoryBudget::default();
        for pool in [budget.arguments(), budget.bodies(), budget.trees()] {
            let mut greedy = Vec::new();
            while let Ok(held) = pool.take(&module("a"), MIB) {
                greedy.push(held);
            }
            assert!(pool.take(&module("b"), pool.capacity() / 4).is_ok(), "{pool:?}");
        }
    }
}
