//! One call at a time for each caller, module, account and tool, for tools that are not concurrency-safe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::caller::Caller;

/// What is locked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) caller: Caller,
    pub(super) module: String,
    pub(super) account: String,
    pub(super) tool: String,
}

/// A mutex for each key. Holds an entry for each key in use, so the calls that run or wait bound its size.
#[derive(Debug, Default)]
pub(super) struct KeyedMutex {
    mutexes: Mutex<HashMap<Key, Arc<AsyncMutex<()>>>>,
}

/// Holds the lock of one key until it is dropped.
#[derive(Debug)]
pub(super) struct KeyedMutexGuard<'a> {
    // Fields drop in this order: the entry is counted after the lock has released its reference.
    _lock: OwnedMutexGuard<()>,
    _entry: Entry<'a>,
}

/// A reference to the mutex of a key, waiting or locked. The last one removes the mutex.
#[derive(Debug)]
struct Entry<'a> {
    owner: &'a KeyedMutex,
    key: Key,
    mutex: Arc<AsyncMutex<()>>,
}

impl KeyedMutex {
    /// Locks `key`, after those that wait already. Dropping the future leaves the queue.
    pub(super) async fn lock(&self, key: Key) -> KeyedMutexGuard<'_> {
        let mutex = self.mutexes().entry(key.clone()).or_default().clone();
        let entry = Entry { owner: self, key, mutex };
        let lock = entry.mutex.clone().lock_owned().await;
        KeyedMutexGuard { _lock: lock, _entry: entry }
    }

    fn mutexes(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<AsyncMutex<()>>>> {
        self.mutexes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut mutexes = self.owner.mutexes();
        // The map's reference and this one: no other call waits, and none can join while the map is locked.
        if Arc::strong_count(&self.mutex) == 2 {
            mutexes.remove(&self.key);
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
    async fn calls_run_one_after_the_other_and_leave_no_entry() {
        let locks = KeyedMutex::default();
        let first = locks.lock(key("t")).await;
        let mut second = Box::pin(locks.lock(key("t")));
        assert!(second.as_mut().now_or_never().is_none(), "two at once");
        assert!(locks.lock(key("other")).now_or_never().is_some(), "another tool had to wait");
        drop(first);
        drop(second.await);
        assert!(locks.mutexes().is_empty());
    }

    #[tokio::test]
    async fn a_cancelled_wait_leaves_no_entry() {
        let locks = KeyedMutex::default();
        let first = locks.lock(key("t")).await;
        let mut second = Box::pin(locks.lock(key("t")));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        drop(second);
        assert!(locks.mutexes().is_empty());
    }
}
