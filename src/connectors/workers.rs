//! A module's worker threads, which process its large answers.
//!
//! Scrubbing and parsing a few MiB can take many times as long as a whole call of another module
//! (`cargo bench --bench scrub`). On a thread of the runtime, every call that is due on that thread would wait. Two
//! such answers would stall a machine with two cores. A module's large answers therefore wait for each other, and for
//! those of others only if many modules have some at once. The threads have a low priority, so that a runtime's thread
//! that has a small call to process runs first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cofferdam_vault::{FairShare, PooledThreads};

use crate::os::lower_thread_priority;

/// Answers up to this size are processed inline, in at most 5 ms.
const INLINE_BYTES: usize = 16 * 1024;

/// How many large answers of one module are processed at the same time.
const WORKERS: usize = 2;

/// The worker threads of all modules: at most this many in the whole process. None of them waits for anything outside.
static WORKERS_OF_ALL: LazyLock<Arc<FairShare<Arc<str>>>> = LazyLock::new(|| FairShare::new(32));

/// The worker threads of one module.
#[derive(Debug, Clone)]
pub struct WorkerPool {
    threads: PooledThreads,
    /// The number of answers that were processed on a thread.
    #[cfg(test)]
    pub(super) processed: Arc<std::sync::atomic::AtomicUsize>,
}

impl WorkerPool {
    /// The pool of `module`. A thread starts with a large answer and ends after it.
    pub fn new(module: &str) -> Self {
        Self {
            threads: PooledThreads::new(module, "answers", WORKERS, &WORKERS_OF_ALL),
            #[cfg(test)]
            processed: Arc::default(),
        }
    }

    /// Runs `work` on an answer of this many bytes. Returns `None` if it panics or if no thread can be started.
    ///
    /// If the future is dropped, work that has not started never does, and other work runs to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let work = || catch_unwind(AssertUnwindSafe(work)).ok();
        if bytes <= INLINE_BYTES {
            return work();
        }
        let work = || {
            // The thread does nothing else.
            lower_thread_priority();
            work()
        };
        #[cfg(test)]
        self.processed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let done = self.threads.run(work).await;
        done.inspect_err(|error| tracing::error!(%error, "an answer could not be processed")).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn large_answers_leave_the_runtime_free_and_small_ones_stay() {
        let pool = WorkerPool::new("m");
        let here = thread::current().id();
        assert_eq!(pool.run(INLINE_BYTES, || thread::current().id()).await, Some(here));
        assert_eq!(pool.threads.count(), 0);
        // More tasks than threads, and each finishes only while the runtime makes progress.
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..=WORKERS {
            let (go, wait) = channel();
            let pool = pool.clone();
            tasks.spawn(async move {
                let threads = pool.clone();
                let work = move || {
                    let few = (1..=WORKERS).contains(&threads.threads.count());
                    few && wait.recv_timeout(Duration::from_secs(20)).is_ok()
                };
                pool.run(INLINE_BYTES + 1, work).await
            });
            tasks.spawn(async move { go.send(()).ok().map(|()| true) });
        }
        assert!(tasks.join_all().await.into_iter().all(|done| done == Some(true)));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn large_answers_have_a_low_priority_and_small_ones_the_usual_one() {
        use crate::os::is_lowered;
        let pool = WorkerPool::new("m");
        assert_eq!(pool.run(INLINE_BYTES + 1, is_lowered).await, Some(Some(true)));
        assert_eq!(pool.run(INLINE_BYTES, is_lowered).await, Some(Some(false)));
    }

    #[tokio::test]
    async fn work_that_panics_answers_nothing() {
        let pool = WorkerPool::new("m");
        for bytes in [INLINE_BYTES, INLINE_BYTES + 1] {
            assert_eq!(pool.run(bytes, || -> u8 { panic!("a fault") }).await, None, "{bytes}");
        }
    }
}
