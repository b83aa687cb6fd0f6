//! Where a large answer is worked on: on a few threads of its module's own, not on the runtime's.
//!
//! To scrub and parse some MiB takes many times as long as another module's whole call, by how much of it is escaped
//! (`cargo bench --bench scrub`). On a thread of the runtime, every call that is due there would wait that long, of whatever
//! module: two such answers would stop a machine of two cores. So a module's large answers wait for each other, and for
//! nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cofferdam_vault::Threads;

/// Up to how many bytes of an answer are worked on at once, where they are: 5 ms at the very most.
const FEW: usize = 16 * 1024;

/// How many large answers of one module are worked on at a time.
const AT_A_TIME: usize = 2;

/// The threads of one module.
#[derive(Debug, Clone)]
pub struct Apart {
    threads: Threads,
}

impl Apart {
    /// Those of `module`; there is none before the first large answer, nor a while after the last.
    pub fn new(module: &str) -> Self {
        Self { threads: Threads::new(format!("answers of {module}"), AT_A_TIME) }
    }

    /// Does `work` on an answer of this many bytes. `None` where it panicked, or where the system gives no thread.
    ///
    /// When the future is dropped, work that has not begun never does, and other work runs to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let work = || catch_unwind(AssertUnwindSafe(work)).ok();
        if bytes <= FEW {
            return work();
        }
        let done = self.threads.run(|| Ok(work())).await;
        done.inspect_err(|error| tracing::error!(%error, "an answer could not be read")).ok().flatten()
    }

    /// How many threads there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.threads.count()
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
        let apart = Apart::new("m");
        let here = thread::current().id();
        assert_eq!(apart.run(FEW, || thread::current().id()).await, Some(here));
        assert_eq!(apart.count(), 0);
        // More than there are threads, and each goes on only when the runtime does.
        let mut works = tokio::task::JoinSet::new();
        for _ in 0..=AT_A_TIME {
            let (go, wait) = channel();
            let apart = apart.clone();
            works.spawn(async move {
                apart.run(FEW + 1, move || wait.recv_timeout(Duration::from_secs(20)).is_ok()).await
            });
            works.spawn(async move { go.send(()).ok().map(|()| true) });
        }
        assert!(works.join_all().await.into_iter().all(|done| done == Some(true)));
        assert!((1..=AT_A_TIME).contains(&apart.count()));
    }

    #[tokio::test]
    async fn work_that_panics_answers_nothing() {
        let apart = Apart::new("m");
        for bytes in [FEW, FEW + 1] {
            assert_eq!(apart.run(bytes, || -> u8 { panic!("a fault") }).await, None, "{bytes}");
        }
    }
}
