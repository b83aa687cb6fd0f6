//! The module, the tool and the account of a request, as this caller sees them.

use std::sync::Arc;

use cofferdam_config::suggestions::{bounded, did_you_mean};

use super::error::{CallError, Code, Outcome};
use super::repair::repaired;
use super::request::CallRequest;
use crate::caller::Caller;
use crate::connectors::SideEffect;
use crate::manifest::Tool;
use crate::registry::{Account, Module, Registry};

/// The module, the tool and the account of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) module: &'a Arc<Module>,
    pub(super) tool: &'a Arc<Tool>,
    pub(super) account: &'a Account,
}

impl<'a> Target<'a> {
    /// Finds what `request` names, and checks its arguments. A request that is not valid is replaced by the one that it can
    /// only mean, if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`resolve`](Self::resolve), about the request as it was sent; about the repaired one if that gets further.
    pub(super) fn accept(
        registry: &'a Registry,
        caller: &Caller,
        request: &mut CallRequest,
    ) -> Result<Self, CallError> {
        let error = match Self::resolve(registry, caller, request) {
            Ok(target) => return Ok(target),
            Err(error) => error,
        };
        let Some(repaired) = repaired(registry, caller, request) else { return Err(error) };
        let further = Self::resolve(registry, caller, &repaired);
        match further {
            Err(further) if further.code == error.code => Err(error),
            further => {
                *request = repaired;
                further
            }
        }
    }

    /// Finds what `request` names, and checks its arguments.
    ///
    /// # Errors
    ///
    /// `unknown_module`, `unknown_tool`, `unknown_account`, `account_required` and `invalid_arguments`.
    pub(super) fn resolve(
        registry: &'a Registry,
        caller: &Caller,
        request: &CallRequest,
    ) -> Result<Self, CallError> {
        let module = registry
            .module(caller, &request.module)
            .ok_or_else(|| unknown_module(registry, caller, &request.module))?;
        let tool = module.tool(&request.tool).ok_or_else(|| unknown_tool(module, &request.tool))?;
        let account = account(module, tool, request.account.as_deref());
        if let Err(problem) = tool.check(&request.arguments) {
            let error = match account {
                Ok(_) => {
                    let message = format!("The arguments are invalid: {problem}");
                    CallError::not_sent(Code::InvalidArguments, message)
                }
                // A model corrects both at once.
                Err(error) => error.and_also(&format!("The arguments are invalid, too: {problem}")),
            };
            return Err(error.with_schema(&tool.operation.input_schema));
        }
        let account = account?;
        if request.full && !tool.full {
            let message =
                "This tool does not return its whole answer, because it contains secrets. Omit `full`.";
            return Err(CallError::not_sent(Code::InvalidArguments, message));
        }
        Ok(Self { module, tool, account })
    }
}

/// The error for a module that does not exist. A module that is hidden from `caller` gets the same one.
pub(super) fn unknown_module(registry: &Registry, caller: &Caller, name: &str) -> CallError {
    let near = did_you_mean(name, registry.modules(caller).map(|module| module.name.as_str()));
    CallError::not_sent(
        Code::UnknownModule,
        format!(
            "There is no module `{}`.{near} Call `get_module_schema` without arguments to list the modules.",
            bounded(name)
        ),
    )
}

/// The error for a tool that `module` does not have.
pub(super) fn unknown_tool(module: &Module, name: &str) -> CallError {
    let near = did_you_mean(name, module.tools.iter().map(|tool| tool.name.as_str()));
    CallError::not_sent(
        Code::UnknownTool,
        format!(
            "Module `{}` has no tool `{}`.{near} Call `get_module_schema` with this module to list its tools.",
            module.name,
            bounded(name)
        ),
    )
}

fn account<'m>(module: &'m Module, tool: &Tool, named: Option<&str>) -> Result<&'m Account, CallError> {
    let accounts = || {
        let names = module.accounts.iter().map(|account| format!("`{}`", account.name));
        names.collect::<Vec<_>>().join(", ")
    };
    match named {
        Some(name) => module.account(name).ok_or_else(|| {
            let message = format!(
                "Module `{}` has no account `{}`. It has {}.",
                module.name,
                bounded(name),
                accounts()
            );
            CallError::not_sent(Code::UnknownAccount, message)
        }),
        None if module.accounts.len() > 1 && tool.operation.effects.side_effect != SideEffect::None => {
            let message = format!(
                "`{}` changes something, and module `{}` has several accounts: {}. Name one in `account`; ask the \
                 user if unsure.",
                tool.name,
                module.name,
                accounts()
            );
            Err(CallError::not_sent(Code::AccountRequired, message))
        }
        // The profile's check refuses a module without accounts.
        None => module.accounts.first().ok_or_else(|| CallError::internal(Outcome::NotSent)),
    }
}
