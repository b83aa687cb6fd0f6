//! An answer that a task of the compartment is working out, and that any number of callers wait for.

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// A handle to an answer that is there, or will be. Dropping it ends nothing.
#[derive(Debug, Clone)]
pub(super) struct Pending<T>(watch::Receiver<Option<T>>);

impl<T: Clone + Send + Sync + 'static> Pending<T> {
    /// Starts `work` as a task of its own.
    pub(super) fn spawn(tasks: &TaskTracker, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (promise, pending) = Self::promised();
        tasks.spawn(async move { promise.keep(work.await) });
        pending
    }

    /// An answer that whoever has the promise will give.
    pub(super) fn promised() -> (Promise<T>, Self) {
        let (answer, answered) = watch::channel(None);
        (Promise(answer), Self(answered))
    }

    /// An answer that is there already.
    pub(super) fn ready(value: T) -> Self {
        Self(watch::channel(Some(value)).1)
    }

    /// The answer, or `None` where the task ended without one (it panicked).
    pub(super) async fn answer(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// The answer, where it is there.
    pub(super) fn peek(&self) -> Option<T> {
        self.0.borrow().clone()
    }

    /// Whether the task still works.
    pub(super) fn running(&self) -> bool {
        self.0.borrow().is_none() && self.0.has_changed().is_ok()
    }
}

/// What an answer is given with. Dropped without, it leaves those who wait without one.
#[derive(Debug)]
pub(super) struct Promise<T>(watch::Sender<Option<T>>);

impl<T> Promise<T> {
    /// Gives the answer.
    pub(super) fn keep(self, answer: T) {
        // An error means that nobody listens any more: every caller has gone.
        let _ = self.0.send(Some(answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_gets_the_one_answer_and_those_who_come_late_too() {
        let (release, released) = tokio::sync::oneshot::channel::<u32>();
        let pending = Pending::spawn(&TaskTracker::new(), async { released.await.unwrap() });
        assert!(pending.running());
        let early = tokio::spawn(pending.clone().answer());
        release.send(7).unwrap();
        assert_eq!(early.await.unwrap(), Some(7));
        assert_eq!(pending.clone().answer().await, Some(7));
        assert_eq!((pending.peek(), pending.running()), (Some(7), false));
        assert_eq!(Pending::ready(8).answer().await, Some(8));
    }

    #[tokio::test]
    async fn a_panic_answers_those_who_wait() {
        let pending: Pending<u32> = Pending::spawn(&TaskTracker::new(), async { panic!("on purpose") });
        assert_eq!(pending.clone().answer().await, None);
        assert!(!pending.running());
    }
}
