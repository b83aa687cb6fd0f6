//! Threads of one owner, out of those that the owners of one kind share.
//!
//! [`Threads`] bounds the threads of one owner. With a thousand modules that is not a bound: a process in a container may have
//! a few hundred threads, and one that cannot start another fails in every part.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{FairShare, Threads, VaultError};

/// The threads of one owner: at most so many of its own, and no more than its share of those of all owners. Clones share
/// them.
#[derive(Clone)]
pub struct PooledThreads {
    owner: Arc<str>,
    own: Arc<Semaphore>,
    all: Arc<FairShare<Arc<str>>>,
    threads: Threads,
}

impl PooledThreads {
    /// At most `max` threads, at least one, for work of `owner`. Each ends with its work. `all` is what the owners share.
    pub fn new(owner: &str, purpose: &str, max: usize, all: &Arc<FairShare<Arc<str>>>) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            owner: Arc::from(owner),
            own: Arc::new(Semaphore::new(max)),
            all: Arc::clone(all),
            threads: Threads::without_idle(format!("{purpose} of {owner}"), max),
        }
    }

    /// Runs `work` on one of the threads, and returns its result. Waits for a thread; the caller decides for how long.
    ///
    /// If the future is dropped before a thread has taken the work, the work never runs. If it is dropped later, the work
    /// runs to its end, and counts until then.
    ///
    /// # Errors
    ///
    /// See [`Threads::run`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, VaultError> {
        // Its own bound first: work that waits for it must hold nothing that others need.
        let own = Arc::clone(&self.own).acquire_owned().await;
        let share = self.all.take_when_free(Arc::clone(&self.owner), 1).await;
        self.threads
            .run(move || {
                let _held = (own, share);
                Ok(work())
            })
            .await
    }

    /// How many threads exist now.
    pub fn count(&self) -> usize {
        self.threads.count()
    }
}

impl fmt::Debug for PooledThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledThreads").field("threads", &self.threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
    use tokio::task::JoinHandle;

    use super::*;

    /// Work that reports that it has started, and then waits until the sender of `hang` is dropped.
    fn hang(
        threads: &PooledThreads,
        started: &UnboundedSender<()>,
        hang: &Arc<Mutex<mpsc::Receiver<()>>>,
    ) -> JoinHandle<()> {
        let (threads, started, hang) = (threads.clone(), started.clone(), Arc::clone(hang));
        tokio::spawn(async move {
            let work = move || {
                started.send(()).unwrap();
                let _ = hang.lock().unwrap().recv();
            };
            threads.run(work).await.unwrap();
        })
    }

    #[tokio::test]
    async fn no_owner_uses_up_the_threads_of_all_and_neither_do_many() {
        let all = FairShare::new(6);
        let (release, receiver) = mpsc::channel::<()>();
        let receiver = Arc::new(Mutex::new(receiver));
        let (started, mut starts) = unbounded_channel();
        let pool = |name: &str, max| PooledThreads::new(name, "work", max, &all);
        // One that may have as many as it likes gets two thirds.
        let greedy = pool("greedy", 100);
        let mut hanging: Vec<_> = (0..20).map(|_| hang(&greedy, &started, &receiver)).collect();
        for _ in 0..4 {
            starts.recv().await.unwrap();
        }
        assert_eq!(pool("other", 2).run(|| 7).await.unwrap(), 7);
        // Many with few threads each get all that are left, and no more.
        let others: Vec<_> = (0..20).map(|index| pool(&format!("other {index}"), 2)).collect();
        hanging.extend(others.iter().map(|other| hang(other, &started, &receiver)));
        for _ in 0..2 {
            starts.recv().await.unwrap();
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!((all.used(), starts.try_recv().is_err()), (6, true));
        assert_eq!(greedy.count() + others.iter().map(PooledThreads::count).sum::<usize>(), 6);
        // A thread that ends makes room for who waits.
        drop(release);
        for work in hanging {
            work.await.unwrap();
        }
        assert_eq!(all.used(), 0);
    }

    #[tokio::test]
    async fn a_thread_ends_with_its_work() {
        let threads = PooledThreads::new("a", "work", 2, &FairShare::new(2));
        threads.run(|| ()).await.unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while threads.count() != 0 {
            assert!(std::time::Instant::now() < end, "it is still there");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_that_is_given_up_while_it_waits_never_runs_and_holds_nothing() {
        let all = FairShare::new(1);
        let taken = all.take(Arc::from("other"), 1).unwrap();
        let threads = PooledThreads::new("a", "work", 1, &all);
        assert!(threads.run::<()>(|| unreachable!()).now_or_never().is_none());
        assert_eq!(threads.count(), 0);
        drop(taken);
        threads.run(|| ()).await.unwrap();
    }
}
