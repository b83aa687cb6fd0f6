//! Which reads a watch confirms, and which have been outdated by a change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cofferdam_vault::SecretPath;
use tokio::time::Instant;

/// The smallest number of secrets at which those that nobody holds any more are removed.
const MIN_SWEEP: usize = 64;

/// What is watched of one vault.
#[derive(Debug, Default)]
pub(crate) struct Watched(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The watch that is live.
    live: Option<Arc<Period>>,
    /// The secrets of which a read is running or cached, and that have not changed since it began.
    unchanged: HashMap<SecretPath, Weak<Mark>>,
    /// The number of secrets at which `unchanged` is swept.
    sweep_at: usize,
}

/// The time during which one watch was live.
#[derive(Debug)]
struct Period {
    /// When the watch was last heard.
    heard: Mutex<Instant>,
}

/// Shared by all reads of one secret between two changes of it.
#[derive(Debug, Default)]
struct Mark {
    changed: AtomicBool,
}

/// What the watch says about a read: taken before the read begins, and kept with its result.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    mark: Arc<Mark>,
    /// The watch that was live when the read began.
    period: Option<Arc<Period>>,
}

impl Coverage {
    /// Whether the secret was reported as changed since the read began.
    pub(crate) fn is_outdated(&self) -> bool {
        self.mark.changed.load(Ordering::Acquire)
    }

    /// When the vault last confirmed the result of the read, which it returned at `read_at`.
    pub(crate) fn confirmed_at(&self, read_at: Instant) -> Instant {
        self.period.as_ref().map_or(read_at, |period| period.lock().max(read_at))
    }
}

impl Watched {
    /// The coverage of a read of the secret at `path` that begins now.
    pub(crate) fn cover(&self, path: &SecretPath) -> Coverage {
        let mut state = self.lock();
        let mark = state.unchanged.get(path).and_then(Weak::upgrade).unwrap_or_else(|| {
            let mark = Arc::default();
            state.insert(path, &mark);
            mark
        });
        Coverage { mark, period: state.live.clone() }
    }

    /// A watch is live from now on.
    pub(crate) fn begin(&self) {
        let heard = Mutex::new(Instant::now());
        self.lock().live = Some(Arc::new(Period { heard }));
    }

    /// The live watch was heard: it confirms what was read under it.
    pub(crate) fn heard(&self) {
        if let Some(period) = &self.lock().live {
            *period.lock() = Instant::now();
        }
    }

    /// The watch has ended, and confirms nothing any more.
    pub(crate) fn end(&self) {
        self.lock().live = None;
    }

    /// The secret at `path` has changed.
    pub(crate) fn changed(&self, path: &SecretPath) {
        if let Some(mark) = self.lock().unchanged.remove(path) {
            outdate(&mark);
        }
    }

    /// Any secret may have changed.
    pub(crate) fn all_changed(&self) {
        self.lock().unchanged.drain().for_each(|(_, mark)| outdate(&mark));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds `mark`. Removes those that nobody holds once they may be half of all, so that the map is at most twice as large
    /// as cache and running loads together.
    fn insert(&mut self, path: &SecretPath, mark: &Arc<Mark>) {
        if self.unchanged.len() >= self.sweep_at.max(MIN_SWEEP) {
            self.unchanged.retain(|_, mark| mark.strong_count() > 0);
            self.sweep_at = self.unchanged.len() * 2;
        }
        self.unchanged.insert(path.clone(), Arc::downgrade(mark));
    }
}

impl Period {
    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outdate(mark: &Weak<Mark>) {
    if let Some(mark) = mark.upgrade() {
        mark.changed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cofferdam_vault::testkit::path;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_confirms_what_was_read_under_it_and_only_while_it_is_heard() {
        let (watched, start) = (Watched::default(), Instant::now());
        let before = watched.cover(&path("a"));
        watched.begin();
        let under = watched.cover(&path("a"));
        advance(Duration::from_secs(9)).await;
        watched.heard();
        assert_eq!(before.confirmed_at(start), start, "it may have changed before the watch went live");
        assert_eq!(under.confirmed_at(start), start + Duration::from_secs(9));
        watched.end();
        advance(Duration::from_secs(9)).await;
        watched.begin();
        watched.heard();
        assert_eq!(
            under.confirmed_at(start),
            start + Duration::from_secs(9),
            "another watch confirms nothing"
        );
    }

    #[tokio::test]
    async fn a_change_outdates_every_read_that_began_before_it() {
        let watched = Watched::default();
        let reads = [watched.cover(&path("a")), watched.cover(&path("a"))];
        watched.begin();
        let (under, other) = (watched.cover(&path("a")), watched.cover(&path("b")));
        watched.changed(&path("a"));
        assert!(reads.iter().chain([&under]).all(Coverage::is_outdated));
        assert!(!other.is_outdated() && !watched.cover(&path("a")).is_outdated());
        watched.all_changed();
        assert!(other.is_outdated());
    }

    #[test]
    fn a_watch_keeps_no_more_than_twice_what_is_held() {
        let watched = Watched::default();
        let held: Vec<_> = (0..100).map(|n| watched.cover(&path(&format!("held/s{n}")))).collect();
        for n in 0..10_000 {
            watched.cover(&path(&format!("gone/s{n}")));
            watched.changed(&path(&format!("unknown/s{n}")));
        }
        assert!(watched.lock().unchanged.len() <= 2 * held.len());
        watched.changed(&path("held/s7"));
        assert!(held[7].is_outdated() && !held[8].is_outdated());
    }
}
