//! What a child is given, and what it returns.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::Environment;

/// A program to run.
pub struct Invocation<'a> {
    /// The absolute path of the program.
    pub program: &'a Path,
    /// Its arguments, each passed as it is. Visible to every user of the machine, so never a secret.
    pub arguments: &'a [String],
    /// Its environment.
    pub environment: &'a Environment,
    /// The folder that it starts in.
    pub folder: &'a Path,
    /// What it reads from its standard input, which then ends.
    pub input: &'a [u8],
    /// How much it may write to its standard output.
    pub max_output_bytes: usize,
}

/// A child that has ended and was reaped.
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// Its standard output.
    pub output: Zeroizing<Vec<u8>>,
    /// The beginning of its standard error, which may contain anything. For [`log_errors`](super::log_errors) only.
    pub errors: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("end", &self.end).finish_non_exhaustive()
    }
}

/// How a child ended. Displays as `exited with code 2` or `was killed by signal 9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}
