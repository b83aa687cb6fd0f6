//! Turns errors of the SDK into [`VaultError`]s. No other file does so.
//!
//! Types and codes decide, never messages. The service's messages are not passed on, because they may quote a value.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use cofferdam_vault::{ErrorKind, VaultError};
use http_body_util::LengthLimitError;

use crate::network::MAX_RESPONSE_BYTES;

/// The request that failed, for the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    /// The action, as the API and permissions name it.
    pub(crate) action: &'static str,
    /// The name of the secret, or what else it is subject.
    pub(crate) subject: &'a str,
}

/// Why the service refused a request, for the writer's decision. The error is for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The secret does not exist, or has no value at that stage.
    Missing,
    /// The secret is in the wrong state: it is marked for deletion.
    WrongState,
    /// The secret exists already.
    Exists,
    /// A parameter does not match the secret: a stage is not at the version that the request names.
    Parameter,
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

/// The failure of `operation` with the SDK's `error`.
pub(crate) fn from_sdk<E>(error: &SdkError<E>, operation: Operation<'_>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Operation { action, subject } = operation;
    let vault =
        |kind, message: String| Failure { reason: Reason::Other, error: VaultError::vault(kind, message) };
    match error {
        SdkError::ServiceError(refused) => {
            let (raw, code) = (refused.raw(), refused.err().meta().code());
            match code {
                Some(code) => from_code(code, raw.status().as_u16(), operation, retry_after(raw)),
                None => from_status(raw, operation),
            }
        }
        SdkError::ResponseError(_) if cause::<LengthLimitError>(error).is_some() => vault(
            ErrorKind::Malformed,
            format!(
                "the response to {action} for {subject} has more than {} MiB; check `endpoint`",
                MAX_RESPONSE_BYTES / (1024 * 1024)
            ),
        ),
        SdkError::ResponseError(broken) if broken.raw().status().is_success() => vault(
            ErrorKind::Unavailable,
            format!("the response to {action} for {subject} was truncated; check the network"),
        ),
        SdkError::ResponseError(broken) => from_status(broken.raw(), operation),
        SdkError::TimeoutError(_) => vault(
            ErrorKind::Timeout,
            format!("Secrets Manager did not respond to {action} for {subject} in time"),
        ),
        SdkError::DispatchFailure(failed) => {
            match (cause::<CredentialsError>(error), failed.as_connector_error()) {
                (Some(login), _) => Failure { reason: Reason::Other, error: from_credentials(login) },
                (None, connector) => {
                    Failure { reason: Reason::Other, error: from_connector("Secrets Manager", connector) }
                }
            }
        }
        _ => vault(
            ErrorKind::Misconfigured,
            format!(
                "{action} for {subject} cannot be sent with these settings; check `region` and `endpoint`"
            ),
        ),
    }
}

/// The failure of an error code, of a whole response or of one entry of a batch.
pub(crate) fn from_code(
    code: &str,
    status: u16,
    operation: Operation<'_>,
    retry_after: Option<Duration>,
) -> Failure {
    let Operation { action, subject } = operation;
    let secret = |reason, kind, message: String| Failure { reason, error: VaultError::secret(kind, message) };
    let vault =
        |kind, message: String| Failure { reason: Reason::Other, error: VaultError::vault(kind, message) };
    match code {
        "ResourceNotFoundException" => secret(
            Reason::Missing,
            ErrorKind::NotFound,
            format!("the secret {subject} does not exist, or has no value yet; write it"),
        ),
        "InvalidRequestException" => secret(
            Reason::WrongState,
            ErrorKind::NotFound,
            format!("the secret {subject} is marked for deletion; restore it or write it again"),
        ),
        "ResourceExistsException" => secret(
            Reason::Exists,
            ErrorKind::Conflict,
            format!("the secret {subject} exists already; read it first"),
        ),
        "AccessDeniedException" | "AccessDenied" => secret(
            Reason::Denied,
            ErrorKind::Denied,
            format!(
                "the role may not {action} {subject}; grant secretsmanager:{action}, and kms:Decrypt if the secret has its own key"
            ),
        ),
        "DecryptionFailure" | "EncryptionFailure" => secret(
            Reason::Other,
            ErrorKind::Denied,
            format!(
                "the KMS key of {subject} cannot be used ({code}); enable it and grant kms:Decrypt on it"
            ),
        ),
        "InvalidParameterException" | "ValidationException" | "InvalidNextTokenException" => secret(
            Reason::Parameter,
            ErrorKind::Unsupported,
            format!(
                "Secrets Manager rejects the parameters of {action} for {subject} ({code}); a name may have 512 bytes, a secret 64 KiB"
            ),
        ),
        "LimitExceededException" => secret(
            Reason::Other,
            ErrorKind::Unsupported,
            format!(
                "{action} for {subject} would exceed a quota of the account; write less often, or raise the quota"
            ),
        ),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => throttled(code, retry_after),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidToken"
        | "AuthFailure"
        | "NotAuthorized" => vault(
            ErrorKind::Unauthenticated,
            format!("AWS rejects the credentials ({code}); check them, and this machine's clock"),
        ),
        "OptInRequired" | "UnknownOperationException" | "RegionDisabledException" => vault(
            ErrorKind::Misconfigured,
            format!(
                "Secrets Manager is not available to the account there ({code}); check `region` and `endpoint`"
            ),
        ),
        "RequestTimeout" | "RequestTimeoutException" => vault(
            ErrorKind::Timeout,
            format!("Secrets Manager timed out on {action} for {subject} ({code}); wait"),
        ),
        _ if status == 429 => throttled(printable(code), retry_after),
        _ if status >= 500 => vault(
            ErrorKind::Unavailable,
            format!("Secrets Manager is unavailable ({}); check the AWS health dashboard", printable(code)),
        ),
        "InternalServiceError" | "InternalFailure" | "ServiceUnavailable" | "ServiceUnavailableException" => {
            vault(
                ErrorKind::Unavailable,
                format!("Secrets Manager is unavailable ({code}); check the AWS health dashboard"),
            )
        }
        _ => vault(
            ErrorKind::Malformed,
            format!(
                "Secrets Manager refuses {action} for {subject} with an unknown code ({}); check the AWS documentation",
                printable(code)
            ),
        ),
    }
}

fn throttled(code: &str, retry_after: Option<Duration>) -> Failure {
    let error = VaultError::vault(
        ErrorKind::Throttled,
        format!("Secrets Manager throttles requests ({code}); raise the quota, or wait"),
    );
    Failure { reason: Reason::Other, error: error.with_retry_after(retry_after) }
}

/// The failure of a response without an error code.
fn from_status(raw: &HttpResponse, operation: Operation<'_>) -> Failure {
    let status = raw.status().as_u16();
    let error = match status {
        429 => return throttled("status 429", retry_after(raw)),
        500.. => VaultError::vault(
            ErrorKind::Unavailable,
            format!(
                "Secrets Manager is unavailable (status {status}); check `endpoint` and the AWS health dashboard"
            ),
        ),
        300..400 => VaultError::vault(
            ErrorKind::Malformed,
            format!("Secrets Manager redirects (status {status}), which is not followed; check `endpoint`"),
        ),
        _ => VaultError::vault(
            ErrorKind::Malformed,
            format!(
                "the response to {} (status {status}) is not from Secrets Manager; check `endpoint`",
                operation.action
            ),
        ),
    };
    Failure { reason: Reason::Other, error }
}

/// The error of missing or invalid credentials.
fn from_credentials(error: &CredentialsError) -> VaultError {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => VaultError::vault(
            ErrorKind::Misconfigured,
            "no AWS credentials found (environment, web identity, container, instance); set `profile` or `credentials_file`, or \
             give this machine a role",
        ),
        CredentialsError::InvalidConfiguration(_) => VaultError::vault(
            ErrorKind::Misconfigured,
            "the AWS configuration is invalid; check the AWS profile, its files, and `assume_role`",
        ),
        CredentialsError::ProviderTimedOut(_) => VaultError::vault(
            ErrorKind::Timeout,
            "the source of AWS credentials did not respond in time; check the network",
        ),
        _ => from_token_service(error),
    }
}

/// The error of a service that issues credentials.
fn from_token_service(error: &CredentialsError) -> VaultError {
    let assumed = cause::<SdkError<AssumeRoleError>>(error).map(from_sts);
    let by_web_identity = || cause::<SdkError<AssumeRoleWithWebIdentityError>>(error).map(from_sts);
    if let Some(error) = assumed.or_else(by_web_identity) {
        return error;
    }
    match cause::<ConnectorError>(error) {
        Some(connector) => from_connector("the source of AWS credentials", Some(connector)),
        None => VaultError::vault(
            ErrorKind::Unauthenticated,
            "no AWS credentials found (environment, web identity, container, instance); `aws sts get-caller-identity` on this \
             machine shows why",
        ),
    }
}

fn from_sts<E>(error: &SdkError<E>) -> VaultError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    const ASSUME_ROLE: Operation<'static> = Operation { action: "AssumeRole", subject: "the role" };
    match error {
        SdkError::DispatchFailure(failed) if cause::<CredentialsError>(error).is_none() => {
            from_connector("the AWS token service", failed.as_connector_error())
        }
        SdkError::ServiceError(refused) => {
            let code = refused.err().meta().code().unwrap_or("no code");
            let failed = from_sdk(error, ASSUME_ROLE).error;
            match failed.kind() {
                ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Throttled => failed,
                _ => VaultError::vault(
                    ErrorKind::Unauthenticated,
                    format!(
                        "the AWS token service does not allow the role to be assumed ({}); check its trust policy and `external_id`",
                        printable(code)
                    ),
                ),
            }
        }
        _ => from_sdk(error, ASSUME_ROLE).error,
    }
}

fn from_connector(peer: &str, connector: Option<&ConnectorError>) -> VaultError {
    if connector.is_some_and(ConnectorError::is_timeout) {
        return VaultError::vault(
            ErrorKind::Timeout,
            format!("the connection to {peer} timed out; check the network"),
        );
    }
    let why = connector.and_then(|connector| cause::<io::Error>(connector)).map(io::Error::kind);
    let why = why.map_or_else(String::new, |kind| format!(": {kind}"));
    VaultError::vault(
        ErrorKind::Unavailable,
        format!("{peer} cannot be reached{why}; check the network and `endpoint`"),
    )
}

/// The first cause of type `C`.
fn cause<'a, C: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a C> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The code, if it has the form of AWS's codes. Anything else that a server may send is not printed.
fn printable(code: &str) -> &str {
    let plain = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b' ');
    if plain { code } else { "an invalid code" }
}

fn retry_after(raw: &HttpResponse) -> Option<Duration> {
    raw.headers().get("retry-after").and_then(cofferdam_vault::retry_after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::Scope;

    #[test]
    fn each_code_has_its_kind_and_scope() {
        use ErrorKind as K;
        for (code, status, kind, scope) in [
            ("ResourceNotFoundException", 400, K::NotFound, Scope::Secret),
            ("InvalidRequestException", 400, K::NotFound, Scope::Secret),
            ("ResourceExistsException", 400, K::Conflict, Scope::Secret),
            ("AccessDeniedException", 400, K::Denied, Scope::Secret),
            ("DecryptionFailure", 400, K::Denied, Scope::Secret),
            ("InvalidParameterException", 400, K::Unsupported, Scope::Secret),
            ("ValidationException", 400, K::Unsupported, Scope::Secret),
            ("LimitExceededException", 400, K::Unsupported, Scope::Secret),
            ("ThrottlingException", 400, K::Throttled, Scope::Vault),
            ("TooManyRequestsException", 429, K::Throttled, Scope::Vault),
            ("RequestLimitExceeded", 503, K::Throttled, Scope::Vault),
            ("UnrecognizedClientException", 400, K::Unauthenticated, Scope::Vault),
            ("InvalidSignatureException", 400, K::Unauthenticated, Scope::Vault),
            ("ExpiredTokenException", 400, K::Unauthenticated, Scope::Vault),
            ("UnknownOperationException", 400, K::Misconfigured, Scope::Vault),
            ("InternalServiceError", 500, K::Unavailable, Scope::Vault),
            ("InternalServiceError", 400, K::Unavailable, Scope::Vault),
            ("Whatever", 503, K::Unavailable, Scope::Vault),
            ("Whatever", 400, K::Malformed, Scope::Vault),
        ] {
            let error =
                from_code(code, status, Operation { action: "GetSecretValue", subject: "a/b" }, None).error;
            assert_eq!((error.kind(), error.scope()), (kind, scope), "{code}: {error}");
        }
    }

    #[test]
    fn an_invalid_code_is_not_printed() {
        let operation = Operation { action: "GetSecretValue", subject: "a/b" };
        for code in ["canary\u{1b}[2J", &"canary".repeat(20)] {
            for status in [400, 500] {
                assert!(!from_code(code, status, operation, None).error.message().contains("canary"));
            }
        }
    }
}
