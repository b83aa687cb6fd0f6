//! Turns for tools that are not concurrency-safe: one call after the other, per caller, module, account and tool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::caller::Caller;

/// What takes turns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) caller: Caller,
    pub(super) module: String,
    pub(super) account: String,
    pub(super) tool: String,
}

/// The queues of all tools that take turns. Holds one entry per queue in use, so it is bounded by the calls in flight.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queues: Mutex<HashMap<Key, Arc<AsyncMutex<()>>>>,
}

/// A turn; dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    // Fields drop in this order: the queue is looked at once the guard no longer counts.
    _guard: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

/// A place in a queue, waiting or served; the last one out takes the queue along.
#[derive(Debug)]
struct Place<'a> {
    turns: &'a Turns,
    key: Key,
    queue: Arc<AsyncMutex<()>>,
}

impl Turns {
    /// Waits for this key's turn. Dropping the future gives the place up.
    pub(super) async fn wait(&self, key: Key) -> Turn<'_> {
        let queue = self.queues().entry(key.clone()).or_default().clone();
        let place = Place { turns: self, key, queue };
        let guard = place.queue.clone().lock_owned().await;
        Turn { _guard: guard, _place: place }
    }

    fn queues(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<AsyncMutex<()>>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queues = self.turns.queues();
        // The map's and ours: nobody else waits, and nobody can join while the map is locked.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn key(tool: &str) -> Key {
        Key { caller: Caller::local(), module: "m".into(), account: "a".into(), tool: tool.into() }
    }

    #[tokio::test]
    async fn one_after_the_other_and_nothing_stays_behind() {
        let turns = Turns::default();
        let first = turns.wait(key("t")).await;
        let mut second = Box::pin(turns.wait(key("t")));
        assert!(second.as_mut().now_or_never().is_none(), "two at once");
        assert!(turns.wait(key("other")).now_or_never().is_some(), "another tool had to wait");
        drop(first);
        drop(second.await);
        assert!(turns.queues().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_nothing_behind() {
        let turns = Turns::default();
        let first = turns.wait(key("t")).await;
        let mut second = Box::pin(turns.wait(key("t")));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        drop(second);
        assert!(turns.queues().is_empty());
    }
}
