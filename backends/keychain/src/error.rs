//! The errors of a keychain. No other file makes one, except for `secret_service::failure` and `credential_store`, which turn
//! the errors of their systems into these.

use std::fmt::Display;

use cofferdam_vault::{ErrorKind, SecretPath, VaultError};

/// An error about the item of `path`: `the item of github/work WHAT`.
pub(crate) fn secret(kind: ErrorKind, path: &SecretPath, what: impl Display) -> VaultError {
    VaultError::secret(kind, format!("the item of {path} {what}"))
}

/// The item of `path` cannot be used as a secret.
pub(crate) fn malformed(path: &SecretPath, what: impl Display) -> VaultError {
    secret(ErrorKind::Malformed, path, what)
}

/// There is no item of `path` with this `service`.
pub(crate) fn not_found(service: &str, path: &SecretPath) -> VaultError {
    let message = format!(
        "the keychain has no item with the service {service} and the username {path}; store it with `cofferdam secret set`"
    );
    VaultError::secret(ErrorKind::NotFound, message)
}

/// The item of `path` has, or would have, more than `max_bytes`.
pub(crate) fn too_large(path: &SecretPath, max_bytes: usize) -> VaultError {
    malformed(
        path,
        format_args!("is larger than {max_bytes} bytes; store less in it, or use another vault for it"),
    )
}

/// The state of the item of `path` is not the expected one.
pub(crate) fn conflict(path: &SecretPath) -> VaultError {
    secret(ErrorKind::Conflict, path, "was changed by another writer; read it again, then retry")
}
