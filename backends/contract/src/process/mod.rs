//! Runs a program as a bounded child process, for backends whose store is reached by a command line.
//!
//! No shell is involved. A child gets one environment, one folder and its input, and nothing else: every other descriptor
//! of this process is closed in it. Everything that it can take is bounded:
//!
//! - *time*: if the future of [`supervise`] is dropped, the child and its process group are killed at once. A child that
//!   ends takes its process group with it, so that no grandchild keeps a pipe open or runs on.
//! - *output*: a child that writes more than [`Invocation::max_output_bytes`], or more than 1 MiB of errors, is killed.
//! - *number*: each child occupies one of the vault's [`Threads`](crate::Threads), and waits for one if all are busy.
//!
//! A blocking thread for each child, and not tokio's processes: those share one signal handler, and a queue of children to
//! reap, among all vaults of the process.
//!
//! Not bounded: a process that leaves its group (a daemon, such as `gpg-agent`) runs on, but nothing waits for it. A program
//! that changes its user cannot be killed, and occupies its thread until it ends by itself. If this process itself is
//! killed, a child runs until it reads its input or writes its output.
//!
//! - [`Environment`]: the variables of a child
//! - [`find_program`]: the file that a name stands for
//! - [`supervise`], [`Attempt`], [`Invocation`]: one attempt, in which children run one after the other
//! - [`Finished`], [`End`], [`ProcessError`]: what became of a child
//! - [`log_errors`]: a child's standard error, scrubbed, in the log
//! - [`program_permissions`], [`search_path_permissions`]: who else can change a program

mod attempt;
#[cfg(unix)]
mod buffer;
mod cancellation;
#[cfg(unix)]
mod child;
mod environment;
mod error;
mod invocation;
mod permissions;
mod program;
mod standard_error;

pub use attempt::{Attempt, supervise};
pub use environment::{Environment, check_variable_names};
pub use error::ProcessError;
pub use invocation::{End, Finished, Invocation};
pub use permissions::{program_permissions, search_path_permissions};
pub use program::find_program;
pub use standard_error::log_errors;
