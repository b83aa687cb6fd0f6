//! Why a child has no result, and the vault's error for it.

use std::io;
use std::path::Path;

use crate::{ErrorKind, Scope, VaultError};

/// Why a child has no result. Holds nothing that it wrote.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot be started: {0}")]
    Start(io::Error),
    /// It wrote more than this to its standard output, and was killed.
    #[error("wrote more than {0} bytes to its standard output, and was killed")]
    TooMuchOutput(usize),
    /// It wrote more than this to its standard error, and was killed.
    #[error("wrote more than {0} bytes to its standard error, and was killed")]
    TooManyErrors(usize),
    /// The attempt was cancelled.
    #[error("was cancelled")]
    Cancelled,
    /// The system failed while it ran.
    #[error("cannot be run: {0}")]
    System(io::Error),
}

impl ProcessError {
    /// The vault's error. `scope` says whether too much output is a fault of one secret or of the vault.
    pub fn into_vault_error(self, program: &Path, scope: Scope) -> VaultError {
        let message = |help: &str| format!("the program {} {self}; {help}", program.display());
        let (kind, scope, help) = match &self {
            Self::Start(error) => {
                let (kind, help) = not_started(error);
                (kind, Scope::Vault, help)
            }
            Self::TooMuchOutput(_) | Self::TooManyErrors(_) => {
                (ErrorKind::Malformed, scope, "run the command by hand to see what it writes")
            }
            Self::Cancelled => (ErrorKind::Unavailable, Scope::Vault, "try again"),
            Self::System(_) => (ErrorKind::Unavailable, Scope::Vault, "check the limits of this process"),
        };
        match scope {
            Scope::Secret => VaultError::secret(kind, message(help)),
            Scope::Vault => VaultError::vault(kind, message(help)),
        }
    }
}

/// Settings that do not fit the machine, or a machine that is short of something.
fn not_started(error: &io::Error) -> (ErrorKind, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound => (
            ErrorKind::Misconfigured,
            "check that it, the interpreter in its first line, and the folder of the profile exist",
        ),
        io::ErrorKind::PermissionDenied => {
            (ErrorKind::Misconfigured, "let the user that the server runs as execute it: `chmod +x`")
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::ArgumentListTooLong => {
            (ErrorKind::Misconfigured, "correct its arguments in the profile")
        }
        io::ErrorKind::Unsupported => {
            (ErrorKind::Misconfigured, "use another backend on this system: it has no process groups")
        }
        _ if is_no_program(error) => (
            ErrorKind::Misconfigured,
            "name a program for this system; a script needs a first line such as `#!/bin/sh`",
        ),
        _ => (ErrorKind::Unavailable, "check the limits of this process, and its memory"),
    }
}

#[cfg(unix)]
fn is_no_program(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::NOEXEC)
}

#[cfg(not(unix))]
fn is_no_program(_: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_kind_and_scope() {
        let start = |kind: io::ErrorKind| ProcessError::Start(kind.into());
        for (error, kind, scope) in [
            (start(io::ErrorKind::NotFound), ErrorKind::Misconfigured, Scope::Vault),
            (start(io::ErrorKind::PermissionDenied), ErrorKind::Misconfigured, Scope::Vault),
            (start(io::ErrorKind::ExecutableFileBusy), ErrorKind::Unavailable, Scope::Vault),
            (start(io::ErrorKind::OutOfMemory), ErrorKind::Unavailable, Scope::Vault),
            (ProcessError::TooMuchOutput(9), ErrorKind::Malformed, Scope::Secret),
            (ProcessError::TooManyErrors(9), ErrorKind::Malformed, Scope::Secret),
            (ProcessError::System(io::ErrorKind::Other.into()), ErrorKind::Unavailable, Scope::Vault),
        ] {
            let error = error.into_vault_error(Path::new("/usr/bin/op"), Scope::Secret);
            assert_eq!((error.kind(), error.scope()), (kind, scope), "{error}");
            assert!(error.message().starts_with("the program /usr/bin/op "), "{error}");
        }
    }
}
