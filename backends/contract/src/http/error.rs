//! What every server may return, as a [`VaultError`].
//!
//! Statuses and types decide, never messages. The server's own error messages are not passed on, because they may quote
//! requests.

use std::error::Error;
use std::io;

use rustls::InvalidMessage;

use super::message::Response;
use crate::{ErrorKind, VaultError};

/// The error of a status that is about the server at `location`; `None` if its meaning depends on the request.
///
/// A backend whose server gives one of these statuses another meaning checks that first.
pub fn from_status(location: &str, response: &Response) -> Option<VaultError> {
    let status = response.status.as_u16();
    Some(match status {
        429 => VaultError::vault(
            ErrorKind::Throttled,
            format!("{location} rate-limits this server (429); raise the quota, or wait"),
        )
        .with_retry_after(response.retry_after),
        300..=399 => misconfigured(format!(
            "{location} redirects ({status}) to an address that is not listed; name the final address in `address`"
        )),
        500..=599 => unavailable(format!("{location} fails with status {status}; check its log")),
        _ => return None,
    })
}

/// The error of a response to `what` that is not one of `product`: another server is at `location`, or a proxy before it.
pub fn malformed(location: &str, what: &str, product: &str) -> VaultError {
    let message = format!("the response of {location} to {what} is not from {product}; check `address`");
    VaultError::vault(ErrorKind::Malformed, message)
}

/// The error of a response that is larger than the request allows.
pub(super) fn too_large(location: &str, max_bytes: usize) -> VaultError {
    let message = format!("the response of {location} is larger than {max_bytes} bytes; check `address`");
    VaultError::vault(ErrorKind::Malformed, message)
}

/// The error of a request without a response.
pub(super) fn from_transport(location: &str, failure: &reqwest::Error) -> VaultError {
    match tls_cause(failure) {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => misconfigured(format!(
            "{} does not speak TLS; should the address be http://?",
            location.trim_start_matches("https://")
        )),
        Some(tls) => misconfigured(format!(
            "TLS handshake with {location} failed: {tls}; check the server's certificate, and the certificate files in \
             the profile"
        )),
        None => {
            let why = io_cause(failure).map_or_else(|| "connection closed".to_owned(), ToString::to_string);
            unavailable(format!("{location} cannot be reached: {why}; check that it runs, and the network"))
        }
    }
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
