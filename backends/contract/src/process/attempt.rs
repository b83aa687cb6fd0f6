//! One attempt of a vault, in which children run one after the other, and which kills them when it is dropped.

use super::cancellation::Cancellation;
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
    let _cancel = CancelOnDrop(attempt.0.clone());
    threads.run(move || work(&attempt)).await
}

/// An attempt: at most one child at a time.
#[derive(Debug, Default)]
pub struct Attempt(Cancellation);

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
        return super::child::run(invocation, &self.0);
        #[cfg(not(unix))]
        {
            let _ = invocation;
            Err(ProcessError::Start(std::io::ErrorKind::Unsupported.into()))
        }
    }

    /// Whether the caller has left.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

struct CancelOnDrop(Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
