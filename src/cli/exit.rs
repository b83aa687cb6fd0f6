//! How a command ends: the exit codes, and errors that say what to do next.

use std::process::ExitCode;

use cofferdam_config::Text;

use crate::profile::ProfileError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command did what it was asked to do. Exit code 0.
    Success,
    /// The command ran and failed, or found a problem: a tool's error, an absent secret, a failed check. Exit code 1.
    Failure,
    /// The command line or the profile is wrong, and nothing was attempted. Exit code 2.
    Usage,
}

impl Exit {
    /// Returns the exit code of the process.
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

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// A single error.
    Message {
        /// How the command ends because of it.
        exit: Exit,
        /// What failed and why. Never contains a secret.
        message: Text,
        /// What to do next. Empty if the message says it.
        help: Text,
    },
    /// The profile is invalid. Contains all of its problems.
    Profile(ProfileError),
}

impl CommandError {
    /// Creates an error that ends the command with [`Exit::Failure`].
    pub(crate) fn failure(message: impl Into<Text>, help: impl Into<Text>) -> Self {
        Self::Message { exit: Exit::Failure, message: message.into(), help: help.into() }
    }

    /// Creates an error that ends the command with [`Exit::Usage`].
    pub(crate) fn usage(message: impl Into<Text>, help: impl Into<Text>) -> Self {
        Self::Message { exit: Exit::Usage, message: message.into(), help: help.into() }
    }

    /// Returns how the command ends because of this error.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Message { exit, .. } => *exit,
            Self::Profile(_) => Exit::Usage,
        }
    }
}
