//! Turns the responses of Key Vault into [`VaultError`]s. No other file does so.
//!
//! Statuses and codes decide, never messages. The service's messages are not passed on, because they may quote requests.

use cofferdam_vault::http::{Response, malformed};
use cofferdam_vault::{ErrorKind, VaultError};
use serde::Deserialize;

/// The request that failed, for the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    /// The permission that it needs, as access policies name it.
    pub(crate) permission: &'static str,
    /// What it is about: `the secret cofferdam--github--work`.
    pub(crate) subject: &'a str,
}

/// Why Key Vault refused a request, for the writer's decision. The error is for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The secret or the version does not exist.
    Missing,
    /// The secret is disabled.
    Disabled,
    /// The name belongs to a deleted secret that can be recovered.
    Deleted,
    /// The name belongs to a secret that is being deleted or recovered.
    InTransition,
    /// The permission is missing.
    Denied,
    /// Anything else.
    Other,
}

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) error: VaultError,
}

impl From<Failure> for VaultError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self { reason: Reason::Other, error }
    }
}

/// The error model of Key Vault: a code, and perhaps a closer one within.
#[derive(Deserialize)]
struct ErrorBody {
    error: Code,
}

#[derive(Deserialize)]
struct Code {
    code: String,
    innererror: Option<InnerCode>,
}

#[derive(Deserialize)]
struct InnerCode {
    #[serde(default)]
    code: String,
}

/// The failure of `operation` with a response whose status is not about the server.
pub(crate) fn from_response(location: &str, response: &Response, operation: Operation<'_>) -> Failure {
    let Operation { permission, subject } = operation;
    let secret = |reason, kind, message: String| Failure { reason, error: VaultError::secret(kind, message) };
    let Ok(ErrorBody { error }) = response.json::<ErrorBody>() else {
        return malformed(location, "a request", "Key Vault").into();
    };
    let inner = error.innererror.map(|inner| inner.code).unwrap_or_default();
    match (response.status.as_u16(), error.code.as_str(), inner.as_str()) {
        (404, "SecretNotFound", _) => {
            secret(Reason::Missing, ErrorKind::NotFound, format!("{subject} does not exist; write it"))
        }
        (403, _, "SecretDisabled") => secret(
            Reason::Disabled,
            ErrorKind::NotFound,
            format!("{subject} is disabled; enable it, or write it again"),
        ),
        (403, _, "ForbiddenByFirewall" | "ForbiddenByConnection") => VaultError::vault(
            ErrorKind::Misconfigured,
            format!(
                "{location} does not accept connections from this network; allow it in the vault's networking"
            ),
        )
        .into(),
        (403, "Forbidden", _) => secret(
            Reason::Denied,
            ErrorKind::Denied,
            format!("the login may not use {subject}; grant it the permission `{permission}` for secrets"),
        ),
        (409, "Conflict", "ObjectIsDeletedButRecoverable") => secret(
            Reason::Deleted,
            ErrorKind::Unsupported,
            format!(
                "the name of {subject} belongs to a secret that another program deleted; recover or purge that with \
                 `az keyvault secret recover` or `az keyvault secret purge`"
            ),
        ),
        (409, "Conflict", "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered") => secret(
            Reason::InTransition,
            ErrorKind::Unavailable,
            format!("{subject} is being deleted or recovered; try again in a few seconds"),
        ),
        (409, "Conflict", _) => secret(Reason::Other, ErrorKind::Conflict, conflict_message(subject)),
        (400, "BadParameter", _) => secret(
            Reason::Other,
            ErrorKind::Unsupported,
            format!("Key Vault rejects {subject}; a name may have 127 characters, a secret 25 KiB"),
        ),
        (status, ..) => {
            let message = format!(
                "{location} refuses a request for `{permission}` with an unexpected code ({status}); check `vault_url`"
            );
            VaultError::vault(ErrorKind::Malformed, message).into()
        }
    }
}

/// The error of a write whose expectation does not hold.
pub(crate) fn conflict(subject: &str) -> VaultError {
    VaultError::secret(ErrorKind::Conflict, conflict_message(subject))
}

fn conflict_message(subject: &str) -> String {
    format!("{subject} was changed by another writer; read it again, then retry")
}
