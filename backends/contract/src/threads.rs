//! Where a vault's blocking work runs: on threads of its compartment, never on the runtime's pool.
//!
//! All vaults would share the runtime's blocking pool. A network file system that hangs would exhaust it, and every other
//! vault with it. So each compartment has a bounded number of threads of its own. A thread that hangs affects only its own
//! vault, and keeps the permit of the call that started it until it returns.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::{ErrorKind, VaultError};

/// The usual time for which an idle thread waits for work.
const IDLE: Duration = Duration::from_secs(10);

tokio::task_local! {
    static PERMIT: Arc<dyn Any + Send + Sync>;
}

/// Runs `attempt`. `permit` is dropped when the attempt is over *and* every thread that it started has returned.
///
/// An attempt that timed out while its thread hangs in the file system must not release its permit to another attempt
/// that would hang too.
pub async fn with_permit<T>(permit: Arc<dyn Any + Send + Sync>, attempt: impl Future<Output = T>) -> T {
    PERMIT.scope(permit, attempt).await
}

/// A handle to a bounded set of threads, which start when they are needed and end when they are idle.
#[derive(Clone)]
pub struct Threads {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    max: usize,
    /// How long an idle thread waits for work before it ends.
    idle: Duration,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Ticket, Job)>,
    last_ticket: Ticket,
    running: usize,
    idle: usize,
}

/// Work as a thread runs it.
type Job = Box<dyn FnOnce() + Send>;

/// Identifies a job in the queue.
type Ticket = u64;

impl Threads {
    /// At most `max` threads, at least one. They are named `name`, for a stack dump; NUL characters, which the name of a
    /// thread cannot hold, are removed.
    pub fn new(name: impl Into<String>, max: usize) -> Self {
        Self::with_idle(name.into(), max, IDLE)
    }

    /// Threads that end as soon as they have no work. For many owners that need a thread now and then, of which all
    /// together would keep many idle ones.
    pub(crate) fn without_idle(name: String, max: usize) -> Self {
        Self::with_idle(name, max, Duration::ZERO)
    }

    fn with_idle(name: String, max: usize, idle: Duration) -> Self {
        let name = name.replace('\0', "");
        let (state, work) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { name, max: max.max(1), idle, state, work }) }
    }

    /// Runs `work` on one of the threads and returns its result.
    ///
    /// If the future is dropped before a thread has taken the work, the work never runs and leaves the queue at once, so
    /// that abandoned work does not accumulate behind a vault that hangs. If it is dropped later, the work runs to its end
    /// and its result is discarded.
    ///
    /// # Errors
    ///
    /// Those of `work`; `Unavailable` if the system cannot start a thread; `Malformed` (vault) if the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let permit = PERMIT.try_with(Clone::clone).ok();
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                Err(VaultError::vault(
                    ErrorKind::Malformed,
                    "reading the vault failed unexpectedly; see the log",
                ))
            });
            // The permit is released first, so that the receiver of the result finds it released.
            drop(permit);
            // Fails if the attempt has timed out and its future was dropped.
            let _ = sender.send(result);
        });
        let _queued = self.submit(job)?;
        receiver.await.unwrap_or_else(|_| {
            Err(VaultError::vault(ErrorKind::Unavailable, "the vault's thread ended without a result"))
        })
    }

    /// How many threads exist now, busy or idle.
    pub fn count(&self) -> usize {
        self.lock().running
    }

    fn submit(&self, job: Job) -> Result<QueuedJob<'_>, VaultError> {
        let mut state = self.lock();
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.queue.push_back((ticket, job));
        let queued = QueuedJob { threads: self, ticket };
        if state.idle >= state.queue.len() {
            self.shared.work.notify_one();
            return Ok(queued);
        }
        if state.running >= self.shared.max {
            return Ok(queued);
        }
        let shared = Arc::clone(&self.shared);
        match std::thread::Builder::new().name(self.shared.name.clone()).spawn(move || shared.serve()) {
            Ok(_) => {
                state.running += 1;
                Ok(queued)
            }
            // A running thread will take it.
            Err(_) if state.running > 0 => Ok(queued),
            Err(error) => {
                // Dropping the guard removes the job, for which it takes the lock.
                drop(state);
                drop(queued);
                Err(VaultError::vault(
                    ErrorKind::Unavailable,
                    format!("the system cannot start a thread for {}: {error}", self.shared.name),
                ))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes its job from the queue when it is dropped, unless a thread has taken the job.
struct QueuedJob<'a> {
    threads: &'a Threads,
    ticket: Ticket,
}

impl Drop for QueuedJob<'_> {
    fn drop(&mut self) {
        let mut state = self.threads.lock();
        let at = state.queue.iter().position(|(ticket, _)| *ticket == self.ticket);
        let abandoned = at.and_then(|at| state.queue.remove(at));
        // What the job owns is dropped without the lock, because its destructor may be anything.
        drop(state);
        drop(abandoned);
    }
}

impl Shared {
    fn serve(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some((_, job)) = state.queue.pop_front() {
                drop(state);
                job();
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.idle += 1;
            let (guard, wait) =
                self.work.wait_timeout(state, self.idle).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                state.running -= 1;
                return;
            }
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("name", &self.shared.name).field("max", &self.shared.max).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn work_runs_on_a_thread_of_that_name() {
        let threads = Threads::new("no\0tes", 2);
        let name = threads.run(|| Ok(std::thread::current().name().map(str::to_owned))).await.unwrap();
        assert_eq!(name.as_deref(), Some("notes"));
    }

    #[tokio::test]
    async fn a_permit_is_held_until_the_thread_returns() {
        let threads = Threads::new("hung", 1);
        let permit: Arc<dyn Any + Send + Sync> = Arc::new(());
        let (release, hang) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let attempt = tokio::spawn(with_permit(Arc::clone(&permit), {
            let threads = threads.clone();
            async move {
                threads
                    .run(move || {
                        let _ = started.send(());
                        let _ = hang.recv();
                        Ok(())
                    })
                    .await
            }
        }));
        has_started.await.unwrap();
        attempt.abort();
        assert!(attempt.await.unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&permit), 2, "the hung thread still holds it");
        drop(release);
        threads.run(|| Ok(())).await.unwrap();
        assert_eq!(Arc::strong_count(&permit), 1);
    }

    #[tokio::test]
    async fn there_are_never_more_threads_than_allowed() {
        let threads = Threads::new("bounded", 2);
        let jobs = (0..50).map(|n| threads.run(move || Ok(n)));
        let results = futures_util::future::join_all(jobs).await;
        assert_eq!(results.into_iter().map(Result::unwrap).sum::<i32>(), (0..50).sum::<i32>());
        assert!(threads.count() <= 2);
    }

    #[tokio::test]
    async fn abandoned_work_that_no_thread_took_never_runs() {
        let threads = Threads::new("busy", 1);
        let (release, hang) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let first = tokio::spawn({
            let threads = threads.clone();
            async move {
                threads
                    .run(move || {
                        let _ = started.send(());
                        let _ = hang.recv();
                        Ok(())
                    })
                    .await
            }
        });
        has_started.await.unwrap();
        let ran = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let permit: Arc<dyn Any + Send + Sync> = Arc::new(());
        let second = {
            let (threads, ran) = (threads.clone(), Arc::clone(&ran));
            tokio::spawn(with_permit(Arc::clone(&permit), async move {
                threads
                    .run(move || {
                        ran.store(true, std::sync::atomic::Ordering::SeqCst);
                        Ok(())
                    })
                    .await
            }))
        };
        tokio::task::yield_now().await;
        second.abort();
        let _ = second.await;
        assert_eq!(Arc::strong_count(&permit), 1, "work that never ran holds no permit");
        drop(release);
        first.await.unwrap().unwrap();
        threads.run(|| Ok(())).await.unwrap();
        assert!(!ran.load(std::sync::atomic::Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_lives_on() {
        let threads = Threads::new("panics", 1);
        let error = threads.run::<()>(|| panic!("on purpose")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert_eq!(threads.run(|| Ok(7)).await, Ok(7));
    }
}
