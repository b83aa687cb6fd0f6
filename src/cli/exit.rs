//! How a command ends: three exit codes, and failures that say what to do next.

use std::process::ExitCode;

use crate::profile::ProfileError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success,
    /// The thing asked about is bad: a tool's error, an absent secret, a demo that broke its promise.
    Failure,
    /// The command line or the profile is wrong: nothing was tried.
    Usage,
}

impl Exit {
    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// One thing went wrong.
    Message {
        /// The exit code it means.
        exit: Exit,
        /// What happened, to what; never secret text.
        message: String,
        /// What to do next; empty where the message says it.
        help: String,
    },
    /// The profile is wrong: every problem at once.
    Profile(ProfileError),
}

impl CommandError {
    /// The thing asked about is bad.
    pub(crate) fn failure(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Message { exit: Exit::Failure, message: message.into(), help: help.into() }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Message { exit: Exit::Usage, message: message.into(), help: help.into() }
    }

    /// The exit code it means.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Message { exit, .. } => *exit,
            Self::Profile(_) => Exit::Usage,
        }
    }
}
