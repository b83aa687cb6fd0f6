//! What the SDK says, turned into kinds. By types and codes, never by text; and no text of the service is passed on, for a
//! refused value may be quoted in it.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use cofferdam_vault::{ErrorKind, VaultError};

/// What was asked, for the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doing<'a> {
    /// The operation, as the API and permissions call it.
    pub(crate) action: &'static str,
    /// What it was about.
    pub(crate) about: &'a str,
}

/// What a refused request means to who wrote it, beside the error that others see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There is no such secret, or it has no value of that stage.
    Missing,
    /// Not in the state that the secret is in: it is marked for deletion.
    WrongState,
    /// There is one already.
    Exists,
    /// A parameter does not fit the secret: a stage is not where the request says that it is.
    Parameter,
    /// The permission is missing.
    Denied,
    /// Nothing that a request could be changed for.
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

/// The one place where the SDK's errors become ours.
pub(crate) fn failure<E>(error: &SdkError<E>, doing: Doing<'_>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Doing { action, about } = doing;
    let vault =
        |kind, message: String| Failure { reason: Reason::Other, error: VaultError::vault(kind, message) };
    match error {
        SdkError::ServiceError(refused) => {
            let (raw, code) = (refused.raw(), refused.err().meta().code());
            match code {
                Some(code) => of_code(code, raw.status().as_u16(), doing, retry_after(raw)),
                None => of_status(raw, doing),
            }
        }
        SdkError::ResponseError(broken) if broken.raw().status().is_success() => {
            vault(ErrorKind::Unavailable, format!("the answer to {action} for {about} broke off"))
        }
        SdkError::ResponseError(broken) => of_status(broken.raw(), doing),
        SdkError::TimeoutError(_) => {
            vault(ErrorKind::Timeout, format!("Secrets Manager did not answer {action} for {about} in time"))
        }
        SdkError::DispatchFailure(failed) => {
            match (cause::<CredentialsError>(error), failed.as_connector_error()) {
                (Some(login), _) => Failure { reason: Reason::Other, error: of_login(login) },
                (None, connector) => {
                    Failure { reason: Reason::Other, error: of_connection("Secrets Manager", connector) }
                }
            }
        }
        _ => vault(
            ErrorKind::Misconfigured,
            format!(
                "{action} for {about} cannot be asked with these settings; check `region` and `endpoint`"
            ),
        ),
    }
}

/// What an error code means, whether a whole answer has it or one entry of a batch.
pub(crate) fn of_code(code: &str, status: u16, doing: Doing<'_>, retry_after: Option<Duration>) -> Failure {
    let Doing { action, about } = doing;
    let secret = |reason, kind, message: String| Failure { reason, error: VaultError::secret(kind, message) };
    let vault =
        |kind, message: String| Failure { reason: Reason::Other, error: VaultError::vault(kind, message) };
    match code {
        "ResourceNotFoundException" => secret(
            Reason::Missing,
            ErrorKind::NotFound,
            format!("there is no secret {about}, or it has no value yet"),
        ),
        "InvalidRequestException" => secret(
            Reason::WrongState,
            ErrorKind::NotFound,
            format!("the secret {about} is marked for deletion; restore it or write it anew"),
        ),
        "ResourceExistsException" => secret(
            Reason::Exists,
            ErrorKind::Conflict,
            format!("there is a secret {about} already; read it first"),
        ),
        "AccessDeniedException" | "AccessDenied" => secret(
            Reason::Denied,
            ErrorKind::Denied,
            format!(
                "our role may not {action} {about}; grant secretsmanager:{action}, and its key if it has its own"
            ),
        ),
        "DecryptionFailure" | "EncryptionFailure" => secret(
            Reason::Other,
            ErrorKind::Denied,
            format!(
                "the key of {about} does not work for us ({code}); enable it and grant kms:Decrypt on it"
            ),
        ),
        "InvalidParameterException" | "ValidationException" | "InvalidNextTokenException" => secret(
            Reason::Parameter,
            ErrorKind::Unsupported,
            format!(
                "Secrets Manager takes no such {action} for {about} ({code}); a name holds 512 bytes, a secret 64 KiB"
            ),
        ),
        "LimitExceededException" => secret(
            Reason::Other,
            ErrorKind::Unsupported,
            format!(
                "{action} for {about} would go over a quota of the account; write it less often, or ask for more"
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
            format!("AWS does not take our credentials ({code}); check them, and this machine's clock"),
        ),
        "OptInRequired" | "UnknownOperationException" | "RegionDisabledException" => vault(
            ErrorKind::Misconfigured,
            format!("the account has no Secrets Manager there ({code}); check `region` and `endpoint`"),
        ),
        "RequestTimeout" | "RequestTimeoutException" => {
            vault(ErrorKind::Timeout, format!("Secrets Manager gave up on {action} for {about} ({code})"))
        }
        _ if status == 429 => throttled(printable(code), retry_after),
        _ if status >= 500 => {
            vault(ErrorKind::Unavailable, format!("Secrets Manager cannot answer ({})", printable(code)))
        }
        "InternalServiceError" | "InternalFailure" | "ServiceUnavailable" | "ServiceUnavailableException" => {
            vault(ErrorKind::Unavailable, format!("Secrets Manager cannot answer ({code})"))
        }
        _ => vault(
            ErrorKind::Malformed,
            format!(
                "Secrets Manager refused {action} for {about} for a reason unknown here ({})",
                printable(code)
            ),
        ),
    }
}

fn throttled(code: &str, retry_after: Option<Duration>) -> Failure {
    let error = VaultError::vault(ErrorKind::Throttled, format!("Secrets Manager throttles us ({code})"));
    Failure { reason: Reason::Other, error: error.with_retry_after(retry_after) }
}

/// What an answer means that has no code: only its status speaks.
fn of_status(raw: &HttpResponse, doing: Doing<'_>) -> Failure {
    let status = raw.status().as_u16();
    let error = match status {
        429 => return throttled("status 429", retry_after(raw)),
        500.. => VaultError::vault(
            ErrorKind::Unavailable,
            format!("Secrets Manager cannot answer (status {status})"),
        ),
        300..400 => VaultError::vault(
            ErrorKind::Malformed,
            format!(
                "the address of Secrets Manager redirects (status {status}), which is not followed; check `endpoint`"
            ),
        ),
        _ => VaultError::vault(
            ErrorKind::Malformed,
            format!(
                "the answer to {} (status {status}) is not Secrets Manager's; check `endpoint`",
                doing.action
            ),
        ),
    };
    Failure { reason: Reason::Other, error }
}

/// What it means that there are no credentials.
fn of_login(error: &CredentialsError) -> VaultError {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => VaultError::vault(
            ErrorKind::Misconfigured,
            "no AWS credentials were found; set `profile` or `credentials_file`, or give this machine a role",
        ),
        CredentialsError::InvalidConfiguration(_) => VaultError::vault(
            ErrorKind::Misconfigured,
            "the AWS configuration cannot be used; check the AWS profile, its files, and `assume_role`",
        ),
        CredentialsError::ProviderTimedOut(_) => {
            VaultError::vault(ErrorKind::Timeout, "the source of AWS credentials did not answer in time")
        }
        _ => of_token_service(error),
    }
}

/// What it means that a service that hands out credentials did not.
fn of_token_service(error: &CredentialsError) -> VaultError {
    let of_role = cause::<SdkError<AssumeRoleError>>(error).map(token_service_failure);
    let of_identity = || cause::<SdkError<AssumeRoleWithWebIdentityError>>(error).map(token_service_failure);
    if let Some(error) = of_role.or_else(of_identity) {
        return error;
    }
    match cause::<ConnectorError>(error) {
        Some(connector) => of_connection("the source of AWS credentials", Some(connector)),
        None => VaultError::vault(
            ErrorKind::Unauthenticated,
            "the source of AWS credentials gives none; `aws sts get-caller-identity` on this machine shows why",
        ),
    }
}

fn token_service_failure<E>(error: &SdkError<E>) -> VaultError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    const ABOUT: Doing<'static> = Doing { action: "AssumeRole", about: "our role" };
    match error {
        SdkError::DispatchFailure(failed) if cause::<CredentialsError>(error).is_none() => {
            of_connection("the AWS token service", failed.as_connector_error())
        }
        SdkError::ServiceError(refused) => {
            let code = refused.err().meta().code().unwrap_or("no code");
            let failed = failure(error, ABOUT).error;
            match failed.kind() {
                ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Throttled => failed,
                _ => VaultError::vault(
                    ErrorKind::Unauthenticated,
                    format!(
                        "the AWS token service does not give us the role ({}); check its trust policy and `external_id`",
                        printable(code)
                    ),
                ),
            }
        }
        _ => failure(error, ABOUT).error,
    }
}

fn of_connection(whom: &str, connector: Option<&ConnectorError>) -> VaultError {
    if connector.is_some_and(ConnectorError::is_timeout) {
        return VaultError::vault(ErrorKind::Timeout, format!("connecting to {whom} took too long"));
    }
    let why = connector.and_then(|connector| cause::<io::Error>(connector)).map(io::Error::kind);
    let why = why.map_or_else(String::new, |kind| format!(": {kind}"));
    VaultError::vault(ErrorKind::Unavailable, format!("{whom} is out of reach{why}"))
}

/// The first cause of that type.
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

/// A code as AWS writes codes; what else a stranger may answer is not printed.
fn printable(code: &str) -> &str {
    let plain = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b' ');
    if plain { code } else { "a code that is none" }
}

/// The whole seconds of `Retry-After`. A date is not waited for.
fn retry_after(raw: &HttpResponse) -> Option<Duration> {
    raw.headers().get("retry-after")?.parse().ok().map(Duration::from_secs)
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
            let error = of_code(code, status, Doing { action: "GetSecretValue", about: "a/b" }, None).error;
            assert_eq!((error.kind(), error.scope()), (kind, scope), "{code}: {error}");
        }
    }

    #[test]
    fn a_code_that_a_stranger_made_up_is_not_printed() {
        let doing = Doing { action: "GetSecretValue", about: "a/b" };
        for code in ["canary\u{1b}[2J", &"canary".repeat(20)] {
            for status in [400, 500] {
                assert!(!of_code(code, status, doing, None).error.message().contains("canary"));
            }
        }
    }
}
