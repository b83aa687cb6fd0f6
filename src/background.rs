//! Threads for work that takes long, such as parsing a large request or reading a large answer. They have a low priority:
//! a thread that has a small call to process runs first.
//!
//! They are a runtime of their own, since a thread that has once lowered its priority keeps it, and one of tokio's for
//! blocking work later runs the tasks of everybody. There is one thread fewer than processors, so that a processor is left
//! even where priorities have no effect. All large work takes turns on them.
//!
//! Connections and timers belong to the other runtime, whose threads serve them: they are shared with small calls.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio_util::context::TokioContext;
use tokio_util::task::AbortOnDropHandle;

use crate::os::lower_thread_priority;

/// The threads, from the first work on until the process ends. `None` if the system provides none.
static THREADS: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(threads())
        .thread_name("large work")
        .on_thread_start(lower_thread_priority)
        .build()
        .inspect_err(|error| tracing::error!(%error, "no threads for large work"))
        .ok()
});

/// How many threads there are.
pub(crate) fn threads() -> usize {
    available_parallelism().map_or(1, |processors| processors.get() - 1).max(1)
}

/// Runs `work` on these threads, with the connections, timers and tasks of the current runtime. If the future is dropped,
/// `work` is dropped where it waits next.
///
/// A runtime that has one thread anyway runs it itself.
///
/// # Panics
///
/// If `work` panics.
pub(crate) async fn run<F>(work: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let current =
        Handle::try_current().ok().filter(|current| current.runtime_flavor() == RuntimeFlavor::MultiThread);
    let (Some(current), Some(threads)) = (current, &*THREADS) else { return work.await };
    let task = AbortOnDropHandle::new(threads.spawn(TokioContext::new(work, current)));
    match task.await {
        Ok(output) => output,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only the end of these threads cancels it, and they end with the process.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Whether work has become large. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Large(Arc<AtomicBool>);

impl Large {
    /// The work has become large.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `work` where it is, until it waits and has become large, and then with [`run`].
///
/// # Panics
///
/// If `work` panics.
pub(crate) async fn run_if_large<F>(large: &Large, mut work: Pin<Box<F>>) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let small = poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if large.is_set() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match small.await {
        Some(output) => output,
        None => run(work).await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_has_a_low_priority_and_what_it_spawns_has_the_usual_one() {
        use crate::os::is_lowered;
        let (own, spawned) = run(async {
            let spawned = tokio::spawn(async { is_lowered() });
            (is_lowered(), spawned.await.unwrap())
        })
        .await;
        let other = tokio::spawn(async { is_lowered() }).await.unwrap();
        assert_eq!([own, spawned, other], [true, false, false].map(Some));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_moves_when_it_has_become_large() {
        use crate::os::is_lowered;
        let large = Large::default();
        let becomes = large.clone();
        let work = Box::pin(async move {
            let mut lowered = Vec::new();
            tokio::task::yield_now().await;
            lowered.push(is_lowered());
            becomes.set();
            lowered.push(is_lowered());
            tokio::task::yield_now().await;
            lowered.push(is_lowered());
            lowered
        });
        // Not on the thread of the test.
        let lowered = tokio::spawn(async move { run_if_large(&large, work).await }).await.unwrap();
        assert_eq!(lowered, [false, false, true].map(Some));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_leaves_the_runtime_to_others() {
        let (send, receive) = std::sync::mpsc::channel();
        let work = tokio::spawn(run(async move { receive.recv_timeout(Duration::from_secs(20)).is_ok() }));
        // Runs on the only worker.
        tokio::spawn(async move { send.send(()) });
        assert!(work.await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_that_is_given_up_is_dropped() {
        let (alive, dropped) = oneshot::channel::<()>();
        let work = tokio::spawn(run(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        }));
        tokio::task::yield_now().await;
        work.abort();
        assert!(dropped.await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_panic_is_passed_on() {
        let work = tokio::spawn(run(async { panic!("scripted") }));
        assert!(work.await.unwrap_err().is_panic());
    }

    #[tokio::test]
    async fn a_runtime_with_one_thread_runs_it_itself() {
        let here = std::thread::current().id();
        assert_eq!(run(async { std::thread::current().id() }).await, here);
    }
}
