//! Turns Google's responses into [`VaultError`]s. No other file does so.
//!
//! Statuses, codes and reasons decide, never messages. Google's messages are not passed on, because they may quote requests.

use cofferdam_vault::http::{Response, malformed};
use cofferdam_vault::{ErrorKind, VaultError};
use serde::Deserialize;
use serde_json::Value;

/// The request that failed, for the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    /// The permission that it needs, as IAM names it.
    pub(crate) permission: &'static str,
    /// What it is about: `the secret cofferdam__github__work`.
    pub(crate) subject: &'a str,
}

/// Why Secret Manager refused a request, for the writer's decision. The error is for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The secret does not exist, or has no version.
    Missing,
    /// The version is disabled or destroyed, or an ETag does not match.
    Precondition,
    /// The secret exists already.
    Exists,
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

/// Google's error model: <https://cloud.google.com/apis/design/errors>.
#[derive(Deserialize)]
struct ErrorBody {
    error: Status,
}

#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(default)]
    details: Vec<Value>,
}

impl Status {
    /// The reason in the detail `google.rpc.ErrorInfo`.
    fn reason(&self) -> &str {
        self.details.iter().find_map(|detail| detail.get("reason")?.as_str()).unwrap_or_default()
    }
}

/// The failure of `operation` with a response whose status is not about the server.
pub(crate) fn from_response(location: &str, response: &Response, operation: Operation<'_>) -> Failure {
    let Operation { permission, subject } = operation;
    let secret = |reason, kind, message: String| Failure { reason, error: VaultError::secret(kind, message) };
    let Ok(ErrorBody { error: status }) = response.json::<ErrorBody>() else {
        return malformed(location, "a request", "Secret Manager").into();
    };
    match (response.status.as_u16(), status.status.as_str()) {
        (404, "NOT_FOUND") => secret(
            Reason::Missing,
            ErrorKind::NotFound,
            format!("{subject} does not exist, or has no version yet; write it"),
        ),
        (400, "FAILED_PRECONDITION") => secret(
            Reason::Precondition,
            ErrorKind::NotFound,
            format!(
                "the version of {subject} is disabled or destroyed; enable it, or write the secret again"
            ),
        ),
        (409, "ALREADY_EXISTS") => {
            secret(Reason::Exists, ErrorKind::Conflict, format!("{subject} exists already; read it first"))
        }
        (409, "ABORTED") => secret(
            Reason::Precondition,
            ErrorKind::Conflict,
            format!("{subject} was changed by another writer; read it again, then retry"),
        ),
        (400, "INVALID_ARGUMENT") => secret(
            Reason::Other,
            ErrorKind::Unsupported,
            format!("Secret Manager rejects {subject}; an ID may have 255 characters, a secret 64 KiB"),
        ),
        (403, "PERMISSION_DENIED") => from_denial(location, status.reason(), operation),
        (code, _) => {
            let message = format!(
                "{location} refuses a request for {permission} with an unexpected status ({code}); check `endpoint`"
            );
            VaultError::vault(ErrorKind::Malformed, message).into()
        }
    }
}

/// The failure of a 403: the project cannot use the service, or the login lacks a permission.
fn from_denial(location: &str, reason: &str, operation: Operation<'_>) -> Failure {
    let Operation { permission, subject } = operation;
    let misconfigured = |why: &str| -> Failure {
        let message = format!("{location} refuses the project ({reason}): {why}");
        VaultError::vault(ErrorKind::Misconfigured, message).into()
    };
    match reason {
        "SERVICE_DISABLED" => misconfigured("enable secretmanager.googleapis.com there"),
        "CONSUMER_INVALID" => misconfigured("it does not exist; correct `project`"),
        "CONSUMER_SUSPENDED" | "BILLING_DISABLED" => misconfigured("check its billing account"),
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => {
            misconfigured("give the machine the access scope cloud-platform")
        }
        "SECURITY_POLICY_VIOLATED" => {
            misconfigured("a perimeter of VPC Service Controls keeps this machine out")
        }
        _ => VaultError::secret(
            ErrorKind::Denied,
            format!("the login may not use {subject}; grant it {permission} on that secret"),
        )
        .into(),
    }
}

/// The error of a write whose expectation does not hold.
pub(crate) fn conflict(subject: &str) -> VaultError {
    let message = format!("{subject} was changed by another writer; read it again, then retry");
    VaultError::secret(ErrorKind::Conflict, message)
}
