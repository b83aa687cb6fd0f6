//! The steps of a call, in order.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::bounds::Progress;
use super::error::seconds;
use super::turns::Key;
use super::{CallAnswer, CallError, CallRequest, Calls, Code, Outcome};
use crate::caller::Caller;
use crate::broker::BrokerError;
use crate::connectors::http::{Answer, CallFailure, ToolCall};
use crate::names::{bounded, did_you_mean, listed};
use crate::connectors::SideEffect;
use crate::manifest::Tool;
use crate::registry::{Account, Module};

/// How often a rejected call is tried again: with the secret read anew, then with its previous state.
const MORE_CREDENTIALS: usize = 2;

impl Calls {
    pub(super) async fn steps(
        &self,
        caller: &Caller,
        request: &CallRequest,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<CallAnswer, CallError> {
        let module = self
            .registry
            .module(caller, &request.module)
            .ok_or_else(|| self.unknown_module(caller, &request.module))?;
        let tool = module.tool(&request.tool).ok_or_else(|| unknown_tool(module, &request.tool))?;
        let account = account_for(module, tool, request.account.as_deref())?;
        tool.check(&request.arguments).map_err(|problem| {
            let message = format!("The arguments do not fit: {problem}");
            CallError::not_sent(Code::InvalidArguments, message).with_schema(&tool.input_schema)
        })?;
        if request.full && !tool.full {
            let message = "This tool never gives its whole answer, which holds secrets; leave out `full`.";
            return Err(CallError::not_sent(Code::InvalidArguments, message));
        }
        let _turn = match tool.effects.concurrency_safe {
            true => None,
            false => Some(
                self.turns
                    .wait(Key {
                        caller: caller.clone(),
                        module: module.name.clone(),
                        account: account.name.clone(),
                        tool: tool.name.clone(),
                    })
                    .await,
            ),
        };
        let call = ToolCall { module, tool, account, arguments: &request.arguments, deadline };
        let answer = self.send(caller, &call, progress).await?;
        let (bytes, full, effects) = (answer.bytes, request.full, tool.effects);
        let tool = Arc::clone(tool);
        let cut = module.apart.run(bytes, move || CallAnswer::of(answer, &tool, full)).await;
        cut.unwrap_or_else(|| Err(CallError::internal(Outcome::after_sending(effects))))
    }

    /// The request, with one credential after the other while the service rejects them and the broker has another.
    ///
    /// A write is sent again too: a service that answers 401 has done nothing.
    async fn send(
        &self,
        caller: &Caller,
        call: &ToolCall<'_>,
        progress: &Progress,
    ) -> Result<Answer, CallError> {
        let (module, account) = (&call.module.name, &call.account.name);
        let no_credential = |error| {
            let store = self.broker.store(caller, module, account);
            let writable = store.is_some_and(|(vault, _)| vault.info().capabilities.write);
            no_credential(call, error, progress.outcome(), writable)
        };
        let mut credential =
            self.broker.credential(caller, module, account, call.deadline).await.map_err(no_credential)?;
        let mut more = MORE_CREDENTIALS;
        loop {
            progress.now(Outcome::after_sending(call.tool.effects));
            let rejected = match self.connector.call(call, &credential).await {
                Err(CallFailure::CredentialRejected { message }) => message,
                Err(failure) => return Err(failed(call.tool, failure)),
                Ok(answer) => return Ok(answer),
            };
            progress.now(Outcome::Rejected);
            let another = match more {
                0 => None,
                _ => self
                    .broker
                    .after_rejection(caller, &credential, call.deadline)
                    .await
                    .map_err(no_credential)?,
            };
            credential = another.ok_or_else(|| credential_rejected(call, &rejected))?;
            more -= 1;
        }
    }

    /// The answer for a module that is hidden from the caller, and for one that does not exist: the same.
    pub(crate) fn unknown_module(&self, caller: &Caller, name: &str) -> CallError {
        let near = did_you_mean(name, self.registry.modules(caller).map(|module| module.name.as_str()));
        CallError::not_sent(
            Code::UnknownModule,
            format!(
                "There is no module `{}`.{near} `get_module_schema` without arguments lists them.",
                bounded(name)
            ),
        )
    }
}

fn unknown_tool(module: &Module, name: &str) -> CallError {
    let near = did_you_mean(name, module.tools.iter().map(|tool| tool.name.as_str()));
    CallError::not_sent(
        Code::UnknownTool,
        format!(
            "Module `{}` has no tool `{}`.{near} `get_module_schema` with this module lists them.",
            module.name,
            bounded(name)
        ),
    )
}

fn account_for<'m>(module: &'m Module, tool: &Tool, named: Option<&str>) -> Result<&'m Account, CallError> {
    let accounts = || listed(module.accounts.iter().map(|account| account.name.as_str()));
    match named {
        Some(name) => module.account(name).ok_or_else(|| {
            CallError::not_sent(
                Code::UnknownAccount,
                format!(
                    "Module `{}` has no account `{}`. It has {}.",
                    module.name,
                    bounded(name),
                    accounts()
                ),
            )
        }),
        None if module.accounts.len() > 1 && tool.effects.side_effect != SideEffect::None => {
            Err(CallError::not_sent(
                Code::AccountRequired,
                format!(
                    "`{}` changes something, and module `{}` has several accounts: {}. Name the one that is \
                     meant in `account`; ask the user if unsure.",
                    tool.name,
                    module.name,
                    accounts()
                ),
            ))
        }
        // A module without accounts has been refused by the profile's check.
        None => module.accounts.first().ok_or_else(|| CallError::internal(Outcome::NotSent)),
    }
}

/// What the model learns of a broker's error; the operator's log gets all of it.
fn no_credential(call: &ToolCall<'_>, error: BrokerError, outcome: Outcome, writable: bool) -> CallError {
    let (module, account) = (&call.module.name, &call.account.name);
    match &error {
        BrokerError::UnknownAccount { .. } => {
            tracing::error!(module, account, %error, "registry and broker disagree");
            CallError::internal(outcome)
        }
        BrokerError::Missing { .. } => {
            tracing::warn!(module, account, %error, "no credential");
            let fields = call.module.credential.fields();
            let commands =
                fields.iter().map(|field| format!("`cofferdam secret set {module}/{account} {field}`"));
            let how = match writable {
                true => format!("with {}", commands.collect::<Vec<_>>().join(" and ")),
                false => "where this server's secrets are kept; its log says where".to_owned(),
            };
            CallError::new(
                Code::CredentialMissing,
                outcome,
                format!(
                    "There is no usable credential for account `{account}` of module `{module}`. Tell the user to \
                     set it {how}. Other accounts and modules work."
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
                    "Module `{module}` is unavailable{since}: its credentials are out of reach. {again}, or tell \
                     the user; it comes back by itself. Other modules are not concerned."
                ),
            )
            .retry_after(*retry_after)
        }
    }
}

fn credential_rejected(call: &ToolCall<'_>, said: &str) -> CallError {
    let (module, account) = (&call.module.name, &call.account.name);
    let said = if said.is_empty() { String::new() } else { format!(" {}.", said.trim_end_matches('.')) };
    CallError::new(
        Code::CredentialRejected,
        Outcome::Rejected,
        format!(
            "{} does not take the credential of account `{account}` of module `{module}`; it may have expired or \
             been revoked.{said} Tell the user to renew it; trying again does not help.",
            call.module.title
        ),
    )
}

fn failed(tool: &Tool, failure: CallFailure) -> CallError {
    let error = match failure {
        CallFailure::CredentialRejected { message } => {
            CallError::new(Code::CredentialRejected, Outcome::Rejected, message)
        }
        CallFailure::CredentialUnusable { message } => CallError::not_sent(Code::CredentialMissing, message),
        CallFailure::InvalidArguments { message } => {
            CallError::not_sent(Code::InvalidArguments, message).with_schema(&tool.input_schema)
        }
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
        CallFailure::TooLarge { message, outcome } => CallError::new(Code::AnswerTooLarge, outcome, message),
    };
    error.or_done()
}

fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
