//! The queue of waiting calls: a bound on how many of one key wait.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_vault::LogLimit;

/// The least time between two log lines about the refused calls of a module, or of all of them.
pub(super) const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Counts the calls that wait, by a key such as their module.
///
/// It says who may wait, and not in which order: what the calls wait for does that. Holds an entry for each key with a
/// waiting call, and none for other keys.
pub(super) struct CallQueue<K> {
    waiting: Mutex<HashMap<K, Waiting>>,
}

/// The waiting calls of one key.
struct Waiting {
    count: usize,
    log: LogLimit,
}

/// The place of one waiting call. The call leaves the queue when this is dropped.
pub(super) struct Place<'a, K: Eq + Hash> {
    queue: &'a CallQueue<K>,
    key: K,
}

impl<K> Default for CallQueue<K> {
    fn default() -> Self {
        Self { waiting: Mutex::default() }
    }
}

impl<K: Eq + Hash + Clone> CallQueue<K> {
    /// A place for a call of `key`. Returns `None` if `max` calls of this key wait already.
    pub(super) fn enter(&self, key: &K, max: usize) -> Option<Place<'_, K>> {
        let mut waiting = self.lock();
        match waiting.get_mut(key) {
            Some(waiting) if waiting.count >= max => return None,
            Some(waiting) => waiting.count += 1,
            None if max == 0 => return None,
            None => {
                waiting.insert(key.clone(), Waiting { count: 1, log: LogLimit::new(LOG_INTERVAL) });
            }
        }
        Some(Place { queue: self, key: key.clone() })
    }

    /// How many calls of `key` wait.
    pub(super) fn count(&self, key: &K) -> usize {
        self.lock().get(key).map_or(0, |waiting| waiting.count)
    }

    /// Whether a log line about `key` is due. Always, if no call of `key` waits.
    pub(super) fn log_due(&self, key: &K) -> bool {
        self.lock().get(key).is_none_or(|waiting| waiting.log.due())
    }
}

impl<K> CallQueue<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Place<'_, K> {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        if let Some(of_key) = waiting.get_mut(&self.key) {
            of_key.count -= 1;
            if of_key.count == 0 {
                waiting.remove(&self.key);
            }
        }
    }
}

impl<K> fmt::Debug for CallQueue<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallQueue").field("keys", &self.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_its_key_and_no_other() {
        let queue = CallQueue::default();
        let places = (queue.enter(&"a", 2), queue.enter(&"a", 2));
        assert!(places.0.is_some() && places.1.is_some());
        assert!(queue.enter(&"a", 2).is_none());
        assert!(queue.enter(&"b", 2).is_some());
        assert_eq!(queue.count(&"a"), 2);
        drop(places.0);
        assert!(queue.enter(&"a", 2).is_some(), "the place of a call that left is free");
    }

    #[test]
    fn a_key_without_waiting_calls_has_no_entry() {
        let queue = CallQueue::default();
        drop((queue.enter(&"a", 2), queue.enter(&"a", 2), queue.enter(&"b", 0)));
        assert!(queue.lock().is_empty());
    }

    #[tokio::test]
    async fn one_line_is_logged_for_many_refused_calls_of_a_key() {
        let queue = CallQueue::default();
        let _places = (queue.enter(&"a", 1), queue.enter(&"b", 1));
        assert_eq!([queue.log_due(&"a"), queue.log_due(&"a"), queue.log_due(&"b")], [true, false, true]);
    }
}
