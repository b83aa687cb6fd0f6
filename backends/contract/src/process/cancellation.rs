//! Whether an attempt was cancelled, and the child to kill then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of an attempt. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancellation(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    /// The child that runs. Its process group exists as long as it is here, because it is removed before the child is
    /// reaped: until then the system gives its number to no other process.
    #[cfg(unix)]
    child: Option<rustix::process::Pid>,
}

impl Cancellation {
    /// Whether the attempt was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.state().cancelled
    }

    /// Kills the child with its process group. A child that starts later is to be killed by the one who starts it.
    pub(super) fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        #[cfg(unix)]
        if let Some(child) = state.child {
            kill(child);
        }
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills the process group of `leader`, and `leader` itself, which may have left it. It must not have been reaped.
#[cfg(unix)]
pub(super) fn kill(leader: rustix::process::Pid) {
    use rustix::process::{Signal, kill_process, kill_process_group};
    // Fails only for what has ended, or changed its user.
    let _ = kill_process_group(leader, Signal::KILL);
    let _ = kill_process(leader, Signal::KILL);
}
