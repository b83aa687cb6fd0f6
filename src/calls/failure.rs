//! A credential that cannot be had, or a service that fails, in words for the model.

use std::time::SystemTime;

use super::error::{CallError, Code, Outcome, seconds};
use super::target::Target;
use crate::broker::BrokerError;
use crate::connectors::CallFailure;
use crate::memory_budget::RETRY_AFTER;

/// The call has no credential. The operator's log gets all of `error`, the model what it can act on.
///
/// `writable` says whether `secret set` can store the account's secret.
pub(super) fn no_credential(
    target: Target<'_>,
    error: &BrokerError,
    outcome: Outcome,
    writable: bool,
) -> CallError {
    let (module, account) = (&target.module.name, &target.account.name);
    match error {
        BrokerError::UnknownAccount { .. } => {
            tracing::error!(module, account, %error, "the registry and the broker disagree");
            CallError::internal(outcome)
        }
        BrokerError::Missing { .. } => {
            tracing::warn!(module, account, %error, "no credential");
            let fields = target.module.service.credential.fields();
            let commands =
                fields.iter().map(|field| format!("`cofferdam secret set {module}/{account} {field}`"));
            let how = match writable {
                true => format!("with {}", commands.collect::<Vec<_>>().join(" and ")),
                false => "where this server's secrets are kept; the server's log says where".to_owned(),
            };
            CallError::new(
                Code::CredentialMissing,
                outcome,
                format!(
                    "Account `{account}` of module `{module}` has no usable credential. Tell the user to store it \
                     {how}. Other accounts and modules are unaffected."
                ),
            )
        }
        BrokerError::Unavailable { since, retry_after, .. } => {
            tracing::warn!(module, account, %error, "vault cannot serve");
            let since = since.map(|at| format!(" since {}", rfc3339(at))).unwrap_or_default();
            let again = match retry_after {
                Some(pause) => format!("Try again in {} s", pause.as_secs().max(1)),
                None => "Try again later".into(),
            };
            CallError::new(
                Code::ModuleUnavailable,
                outcome,
                format!(
                    "Module `{module}` is unavailable{since}: its vault is unreachable. {again}, or tell the user; \
                     it recovers by itself. Other modules are unaffected."
                ),
            )
            .retry_after(*retry_after)
        }
    }
}

/// The service rejects every credential that the broker has for the account. `said` is what it said to the last one.
pub(super) fn credential_rejected(target: Target<'_>, said: &str) -> CallError {
    let (module, account) = (&target.module.name, &target.account.name);
    let said = if said.is_empty() { String::new() } else { format!(" {}.", said.trim_end_matches('.')) };
    CallError::new(
        Code::CredentialRejected,
        Outcome::Rejected,
        format!(
            "{} rejects the credential of account `{account}` of module `{module}`; it may have expired or been \
             revoked.{said} Tell the user to replace it; trying again does not help.",
            target.module.service.title
        ),
    )
}

/// The connector has no answer.
pub(super) fn failed(target: Target<'_>, failure: CallFailure) -> CallError {
    let error = match failure {
        CallFailure::CredentialRejected { message } => {
            CallError::new(Code::CredentialRejected, Outcome::Rejected, message)
        }
        CallFailure::CredentialUnusable { message } => CallError::not_sent(Code::CredentialMissing, message),
        CallFailure::InvalidArguments { message } => CallError::not_sent(Code::InvalidArguments, message)
            .with_schema(&target.tool.operation.input_schema),
        CallFailure::Upstream { message, outcome, .. } => {
            CallError::new(Code::UpstreamError, outcome, message)
        }
        CallFailure::RateLimited { message, retry_after } => {
            let again = retry_after.map(|pause| format!(". Try again in {} s.", seconds(pause)));
            let message = message + &again.unwrap_or_default();
            CallError::new(Code::RateLimited, Outcome::Rejected, message).retry_after(retry_after)
        }
        CallFailure::Unreachable { message, outcome } => {
            CallError::new(Code::UpstreamUnreachable, outcome, message)
        }
        CallFailure::Timeout { message, outcome } => CallError::new(Code::UpstreamTimeout, outcome, message),
        CallFailure::NoMemory { message, outcome } => {
            let message = format!("{message}. Try again in {} s.", seconds(RETRY_AFTER));
            CallError::new(Code::RateLimited, outcome, message).retry_after(Some(RETRY_AFTER))
        }
        CallFailure::TooLarge { message, outcome } => CallError::new(Code::AnswerTooLarge, outcome, message),
    };
    error.warn_if_unknown()
}

fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
