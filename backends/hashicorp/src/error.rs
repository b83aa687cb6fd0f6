//! Turns the server's responses and transport failures into [`VaultError`]s. No other file does so.
//!
//! Statuses and types decide, never messages. The server's own error messages are not passed on, because they may quote
//! requests.

use std::error::Error;
use std::io;

use cofferdam_vault::{ErrorKind, SecretPath, VaultError};
use http::StatusCode;
use rustls::InvalidMessage;

use crate::response::Response;

/// The error of a status that is about the server; `None` if the meaning of the status depends on the request.
pub(crate) fn from_status(location: &str, response: &Response) -> Option<VaultError> {
    let status = response.status;
    let error = match status.as_u16() {
        429 => VaultError::vault(
            ErrorKind::Throttled,
            format!("{location} rate-limits this server (429); raise the quota, or wait"),
        )
        .with_retry_after(response.retry_after),
        412 => unavailable(format!("{location} has not caught up with its cluster yet (412); wait")),
        503 => unavailable(format!("{location} is sealed or in maintenance (503); unseal it")),
        300..=399 => misconfigured(format!(
            "{location} redirects ({status}) to an address that is not listed; name the active node in `address`, or \
             list all nodes in `redirects`"
        )),
        472..=474 | 500..=599 => {
            unavailable(format!("{location} fails with status {}; check its log", status.as_u16()))
        }
        _ => return None,
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

/// The error of a request without a response.
pub(crate) fn from_transport(location: &str, failure: &reqwest::Error) -> VaultError {
    match tls_cause(failure) {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => misconfigured(format!(
            "{} does not speak TLS; should the address be http://?",
            location.trim_start_matches("https://")
        )),
        Some(tls) => misconfigured(format!(
            "TLS handshake with {location} failed: {tls}; check `ca_file`, `client_cert_file` and the server's \
             certificate"
        )),
        None => {
            let why = io_cause(failure).map_or_else(|| "connection closed".to_owned(), ToString::to_string);
            unavailable(format!("{location} cannot be reached: {why}; check that it runs, and the network"))
        }
    }
}

/// The error of a response that is not Vault's; `to` names the request.
pub(crate) fn malformed(location: &str, to: &str) -> VaultError {
    let message = format!("the response of {location} to {to} is not from Vault; check `address`");
    VaultError::vault(ErrorKind::Malformed, message)
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

/// The TLS failure that caused `failure`. People fix certificates; retrying does not.
fn tls_cause(failure: &reqwest::Error) -> Option<&rustls::Error> {
    causes(failure).find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

fn io_cause(failure: &reqwest::Error) -> Option<&io::Error> {
    causes(failure).filter_map(|cause| cause.downcast_ref::<io::Error>()).last()
}

/// All causes, outermost first. Includes those inside an [`io::Error`], which `source` skips.
fn causes(failure: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(failure as &(dyn Error + 'static)), |cause| inner(*cause))
}

fn inner<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    }
}
