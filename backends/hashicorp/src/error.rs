//! What the server says, and what keeps it from saying anything, turned into kinds. The one place that does so.
//!
//! Statuses and types decide, never texts. What the server writes into an error is not passed on: it can quote requests.

use std::error::Error;
use std::io;

use cofferdam_vault::{ErrorKind, VaultError};
use http::StatusCode;

use crate::client::Answer;

/// What a status means that is about the server, not about what was asked; `None` where it depends on what was asked.
pub(crate) fn of_server(location: &str, answer: &Answer) -> Option<VaultError> {
    let status = answer.status;
    let error = match status.as_u16() {
        429 => {
            VaultError::vault(ErrorKind::Throttled, format!("{location} asks to come back later (a quota)"))
                .with_retry_after(answer.retry_after)
        }
        412 => unavailable(format!("{location} has not caught up with its other nodes yet (412)")),
        503 => unavailable(format!("{location} is sealed or in maintenance (503); unseal it")),
        300..=399 => misconfigured(format!(
            "{location} redirects ({status}) to an address that is not listed; name the active node in `address`, or \
             list all in `redirects`"
        )),
        472..=474 | 500..=599 => {
            unavailable(format!("{location} answers {}; look at its log", status.as_u16()))
        }
        _ => return None,
    };
    Some(error)
}

/// What `sys/health` says.
///
/// # Errors
///
/// `Unavailable` or `Misconfigured`, of the vault.
pub(crate) fn of_health(location: &str, answer: &Answer) -> Result<(), VaultError> {
    let because = |why: &str| format!("{location} {why}");
    match answer.status.as_u16() {
        // Active; standby and performance standby answer or forward what the active node would.
        200 | 429 | 473 => Ok(()),
        472 => Err(unavailable(because("is a disaster-recovery secondary, which answers nothing"))),
        474 => Err(unavailable(because("is a standby that finds no active node"))),
        501 => Err(misconfigured(because("is not initialised; run `vault operator init`"))),
        503 => Err(unavailable(because("is sealed; unseal it"))),
        530 => Err(unavailable(because("was removed from its cluster; name another node in `address`"))),
        _ => Err(of_server(location, answer)
            .unwrap_or_else(|| malformed(location, "a health check that is none of Vault's"))),
    }
}

/// There is no answer: why the connection was not made, or broke.
pub(crate) fn unanswered(location: &str, failure: &reqwest::Error) -> VaultError {
    if let Some(tls) = tls_cause(failure) {
        return misconfigured(format!(
            "no secure connection to {location}: {tls}; check `ca_file`, `client_cert_file` and the server's certificate"
        ));
    }
    let why = io_cause(failure).map_or_else(|| "the connection broke".to_owned(), ToString::to_string);
    unavailable(format!("no answer from {location}: {why}"))
}

/// The server answers what no Vault does.
pub(crate) fn malformed(location: &str, what: &str) -> VaultError {
    let message = format!("{location} answers {what}; is a Vault behind that address?");
    VaultError::vault(ErrorKind::Malformed, message)
}

fn unavailable(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Unavailable, message)
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}

/// A refused login, whatever the method: the server says 400, 401 or 403 as the method likes.
pub(crate) fn of_login(location: &str, method: &str, status: StatusCode) -> VaultError {
    match status.as_u16() {
        404 => misconfigured(format!("{location} has no login method there; check `auth.mount` ({method})")),
        code => VaultError::vault(
            ErrorKind::Unauthenticated,
            format!(
                "{location} refuses our login by `{method}` ({code}); check its role and what it logs in with"
            ),
        ),
    }
}

/// The TLS failure behind `failure`, where there is one. Certificates are mended by people, not by trying again.
fn tls_cause(failure: &reqwest::Error) -> Option<&rustls::Error> {
    causes(failure).find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

fn io_cause(failure: &reqwest::Error) -> Option<&io::Error> {
    causes(failure).filter_map(|cause| cause.downcast_ref::<io::Error>()).last()
}

/// All causes, outermost first, those inside an [`io::Error`] included, which its `source` steps over.
fn causes(failure: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(failure as &(dyn Error + 'static)), |cause| inner(*cause))
}

fn inner<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    }
}
