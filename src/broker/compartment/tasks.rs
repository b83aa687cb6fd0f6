//! The background tasks of one compartment, and the signal that ends them.

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A handle to the tasks of one compartment. Clones refer to the same tasks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    closing: CancellationToken,
}

impl Tasks {
    /// Starts `task`. It runs to its end unless it observes [`Tasks::closing`].
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Completes when the compartment closes or is dropped.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Whether the compartment is closing.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Signals [`Tasks::closing`]. Does not wait.
    pub(crate) fn close(&self) {
        self.closing.cancel();
        self.tracker.close();
    }

    /// Completes when the compartment is closed and every task has ended.
    pub(crate) async fn ended(&self) {
        self.tracker.wait().await;
    }

    /// Signals [`Tasks::closing`] when the guard is dropped.
    pub(crate) fn close_on_drop(&self) -> DropGuard {
        self.closing.clone().drop_guard()
    }
}
