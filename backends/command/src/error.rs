//! Turns exit codes and defects of an output into [`VaultError`]s. No other file does so.

use std::path::Path;

use cofferdam_vault::process::End;
use cofferdam_vault::{ErrorKind, SecretPath, UnusableFields, VaultError};

use crate::content::Defect;

/// The error of the command `key` that ended with `end`, which means neither success nor an absent secret.
pub(crate) fn failed(key: &str, program: &Path, end: End, is_locked: bool) -> VaultError {
    let what = format!("the command `{key}` ({}) {end}", program.display());
    let message = if is_locked {
        format!("{what}: the store is locked; unlock it for the user that the server runs as")
    } else {
        format!(
            "{what}; run it by hand as the user that the server runs as. With COFFERDAM_LOG=debug, the log has what it \
             wrote to its standard error"
        )
    };
    VaultError::vault(ErrorKind::Unavailable, message)
}

/// The error of a secret that the command `read` reported as absent.
pub(crate) fn absent(at: &SecretPath, end: End) -> VaultError {
    VaultError::secret(
        ErrorKind::NotFound,
        format!(
            "there is no secret {at}, or it lacks a field: the command `read` {end}; create it in the store"
        ),
    )
}

/// The error of an output of `read` that is not the secret at `at`.
pub(crate) fn defective(at: &SecretPath, defect: Defect) -> VaultError {
    let malformed = |why: &str| {
        VaultError::secret(ErrorKind::Malformed, format!("the command `read` printed {why} for {at}"))
    };
    match defect {
        Defect::Empty => malformed("nothing, and exited with code 0; check the command"),
        Defect::NotUtf8 => malformed("what is not UTF-8; store the value as text"),
        Defect::Nul => malformed("a value with a NUL character; store it as text"),
        Defect::NotAnObject => malformed(
            "what is not a JSON object; store one, such as {\"token\": \"…\"}, or use {field} to read one value",
        ),
        Defect::Fields(UnusableFields::Missing(fields)) => {
            let missing = UnusableFields::Missing(fields);
            VaultError::secret(ErrorKind::NotFound, format!("the secret {at} {missing}"))
        }
        Defect::Fields(unusable) => {
            VaultError::secret(ErrorKind::Malformed, format!("the secret {at} {unusable}"))
        }
    }
}

/// The error of an output of `list` that is not a list.
pub(crate) fn not_a_list() -> VaultError {
    VaultError::vault(ErrorKind::Malformed, "the command `list` printed what is not UTF-8; check the command")
}

/// The error of a write that finds another state than it expects.
pub(crate) fn conflict(at: &SecretPath) -> VaultError {
    VaultError::secret(
        ErrorKind::Conflict,
        format!("the secret {at} was changed by another writer; read it again, then retry"),
    )
}
