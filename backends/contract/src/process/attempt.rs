//! One attempt of a vault, in which children run one after the other, and which kills them when it is dropped.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Finished, Invocation, ProcessError};
use crate::{Threads, VaultError};

/// Runs `work` on one of `threads`. If the returned future is dropped, the child that `work` runs is killed with its process
/// group, and no further one is started.
///
/// # Errors
///
/// Those of `work` and of [`Threads::run`].
pub async fn supervise<T: Send + 'static>(
    threads: &Threads,
    work: impl FnOnce(&Attempt) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let attempt = Attempt::default();
    let _cancel = CancelOnDrop(attempt.clone());
    threads.run(move || work(&attempt)).await
}

/// An attempt: at most one child at a time. Clones are the same attempt.
#[derive(Debug, Clone, Default)]
pub struct Attempt(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    /// The child that runs. Its process group exists as long as it is here, because it is removed before the child is
    /// reaped: until then the system gives its number to no other process.
    #[cfg(unix)]
    child: Option<rustix::process::Pid>,
}

impl Attempt {
    /// Runs a program to its end, and reaps it. Blocks.
    ///
    /// # Errors
    ///
    /// If it cannot be started or writes too much, and if the attempt was cancelled. An exit code is not an error.
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<Finished, ProcessError> {
        if self.is_cancelled() {
            return Err(ProcessError::Cancelled);
        }
        #[cfg(unix)]
        return super::child::run(invocation, self);
        #[cfg(not(unix))]
        {
            let _ = invocation;
            Err(ProcessError::Start(std::io::ErrorKind::Unsupported.into()))
        }
    }

    /// Whether the caller has left.
    pub fn is_cancelled(&self) -> bool {
        self.state().cancelled
    }

    /// Remembers the child to kill. Returns false if the attempt was cancelled while it started.
    #[cfg(unix)]
    pub(super) fn started(&self, child: rustix::process::Pid) -> bool {
        let mut state = self.state();
        state.child = Some(child);
        !state.cancelled
    }

    /// Forgets the child, which is about to be reaped.
    #[cfg(unix)]
    pub(super) fn ended(&self) {
        self.state().child = None;
    }

    fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        #[cfg(unix)]
        if let Some(child) = state.child {
            super::child::kill(child);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct CancelOnDrop(Attempt);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
