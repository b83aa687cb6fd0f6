//! Turns the server's responses into [`VaultError`]s. No other file does so.
//!
//! Statuses and types decide, never messages. The server's own error messages are not passed on, because they may quote
//! requests.

use cofferdam_vault::http::{self, Response, StatusCode};
use cofferdam_vault::{ErrorKind, SecretPath, VaultError};

/// The error of a status that is about the server; `None` if the meaning of the status depends on the request.
pub(crate) fn from_status(location: &str, response: &Response) -> Option<VaultError> {
    let status = response.status;
    let error = match status.as_u16() {
        412 => unavailable(format!("{location} has not caught up with its cluster yet (412); wait")),
        503 => unavailable(format!("{location} is sealed or in maintenance (503); unseal it")),
        300..=399 => misconfigured(format!(
            "{location} redirects ({status}) to an address that is not listed; name the active node in `address`, or \
             list all nodes in `redirects`"
        )),
        472..=474 => unavailable(format!("{location} fails with status {}; check its log", status.as_u16())),
        _ => return http::from_status(location, response),
    };
    Some(error)
}

/// Checks the response of `sys/health`.
///
/// # Errors
///
/// `Unavailable` or `Misconfigured`, with scope vault.
pub(crate) fn check_health(location: &str, response: &Response) -> Result<(), VaultError> {
    let because = |why: &str| format!("{location} {why}");
    match response.status.as_u16() {
        // Active. A standby and a performance standby respond or forward as the active node would.
        200 | 429 | 473 => Ok(()),
        472 => Err(unavailable(because(
            "is a disaster-recovery secondary, which serves no requests; name a primary in `address`",
        ))),
        474 => Err(unavailable(because("is a standby without an active node; check the cluster"))),
        501 => Err(misconfigured(because("is not initialised; run `vault operator init`"))),
        503 => Err(unavailable(because("is sealed; unseal it"))),
        530 => Err(unavailable(because("was removed from its cluster; name another node in `address`"))),
        _ => Err(from_status(location, response).unwrap_or_else(|| malformed(location, "a health check"))),
    }
}

/// The error of a response that is not Vault's; `to` names the request.
pub(crate) fn malformed(location: &str, to: &str) -> VaultError {
    http::malformed(location, to, "Vault")
}

/// The error of a rejected login. The status (400, 401 or 403) depends on the method.
pub(crate) fn from_login(location: &str, method: &str, status: StatusCode) -> VaultError {
    match status.as_u16() {
        404 => misconfigured(format!(
            "{location} has no auth method `{method}` at that mount; check `auth.mount`"
        )),
        code => VaultError::vault(
            ErrorKind::Unauthenticated,
            format!(
                "{location} rejects the login by `{method}` ({code}); check the role and its credentials"
            ),
        ),
    }
}

/// The error of a write whose expectation does not hold.
pub(crate) fn conflict(path: &SecretPath) -> VaultError {
    let message = format!("{path} was changed by another writer; read it again, then retry");
    VaultError::secret(ErrorKind::Conflict, message)
}

/// The error of every call after the vault is closed.
pub(crate) fn closed() -> VaultError {
    VaultError::vault(ErrorKind::Unavailable, "the vault is closed")
}

fn unavailable(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Unavailable, message)
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}
