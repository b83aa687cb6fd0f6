//! The results of `get_module_schema`: text for a model, without structured content.
//!
//! A host passes the text or the structured content to its model, and some pass both; without structured content each of
//! them passes the text, once. `docs/models.md` has what was found.

use std::fmt::Write as _;
use std::sync::Arc;

use cofferdam_config::suggestions::bounded;
use rmcp::model::CallToolResult;
use serde_json::json;

use super::arguments::SchemaRequest;
use super::listing::{self, accounts, one_line, whole_line};
use super::results::text;
use crate::caller::Caller;
use crate::calls::repair;
use crate::calls::{CallError, Calls, Code, MAX_ANSWER_BYTES};
use crate::manifest::Tool;
use crate::registry::Module;

/// The maximum number of tools that a query returns.
const MAX_RESULTS: usize = 5;

/// The number of best matches among which a query over one module looks for its tools.
const MAX_CANDIDATES: usize = 200;

/// Returns the result for `request`.
///
/// # Errors
///
/// Returns `unknown_module`, for a hidden module exactly as for one that does not exist, and `unknown_tool`.
pub(super) fn respond(
    calls: &Calls,
    caller: &Caller,
    request: &SchemaRequest,
) -> Result<CallToolResult, CallError> {
    let subject = Subject::find(calls, caller, request)?;
    Ok(text(match (subject, &request.query) {
        (Subject::Tool(module, tool), _) => whole(module, tool),
        (Subject::Module(module), None) => listing::list(module),
        (Subject::Module(module), Some(query)) => {
            let mut found = calls.registry().search(caller, query, MAX_CANDIDATES);
            found.retain(|(of, _)| of.name == module.name);
            found.truncate(MAX_RESULTS);
            search(&found).unwrap_or_else(|| {
                format!("No close match in `{}`.\n\n{}", module.name, listing::list(module))
            })
        }
        (Subject::All, Some(query)) => search(&calls.registry().search(caller, query, MAX_RESULTS))
            .unwrap_or_else(|| format!("No close match. The modules are:\n{}", modules(calls, caller))),
        (Subject::All, None) => modules(calls, caller),
    }))
}

/// What a request is about.
enum Subject<'a> {
    All,
    Module(&'a Arc<Module>),
    Tool(&'a Arc<Module>, &'a Arc<Tool>),
}

impl<'a> Subject<'a> {
    /// Finds what `request` names, as it may be spelled.
    fn find(calls: &'a Calls, caller: &Caller, request: &SchemaRequest) -> Result<Self, CallError> {
        let registry = calls.registry();
        match (&request.module, &request.tool) {
            (None, None) => Ok(Self::All),
            (Some(name), None) => match repair::module(registry, caller, name) {
                Some(module) => Ok(Self::Module(module)),
                None => match &*repair::tools(registry, caller, name) {
                    // `github.get_issue` as the module.
                    [(module, tool)] => Ok(Self::Tool(module, tool)),
                    _ => Err(calls.unknown_module(caller, name).about(name, None)),
                },
            },
            (Some(name), Some(tool)) => {
                let Some(module) = repair::module(registry, caller, name) else {
                    return Err(calls.unknown_module(caller, name).about(name, None));
                };
                match repair::tool_of(module, tool) {
                    Some(tool) => Ok(Self::Tool(module, tool)),
                    None => Err(calls.unknown_tool(module, tool).about(name, Some(tool))),
                }
            }
            (None, Some(tool)) => match &*repair::tools(registry, caller, tool) {
                [(module, tool)] => Ok(Self::Tool(module, tool)),
                found => Err(no_single_tool(tool, found).about("", Some(tool))),
            },
        }
    }
}

/// The error for a tool without its module, if none or several have one of this name.
pub(super) fn no_single_tool(name: &str, found: &[(&Arc<Module>, &Arc<Tool>)]) -> CallError {
    let name = bounded(name);
    let message = match repair::which_module(found) {
        None => format!(
            "No module has a tool `{name}`. Call `get_module_schema` with a `query` to find one, or without arguments to \
             list the modules."
        ),
        Some(modules) => format!(
            "Several modules have a tool `{name}`; did you mean that of {modules}? Name the `module`."
        ),
    };
    CallError::not_sent(Code::UnknownTool, message)
}

/// Lists the modules, one per line: `github (ready; accounts work (default), personal): Repositories, issues …`.
fn modules(calls: &Calls, caller: &Caller) -> String {
    let modules: Vec<_> = calls.registry().modules(caller).collect();
    if modules.is_empty() {
        return "There are no modules. The user can add one to the profile of the server.".into();
    }
    let mut text = String::new();
    for (shown, module) in modules.iter().enumerate() {
        if text.len() > MAX_ANSWER_BYTES {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "… and {} more; narrow the list with a query", modules.len() - shown);
            break;
        }
        let state = calls.broker().module_vault(&module.name).map(|vault| vault.state);
        let state = json!(state);
        let state = state.as_str().unwrap_or("unknown");
        let _ = writeln!(
            text,
            "{} ({state}; {}): {}",
            module.name,
            accounts(module),
            one_line(&module.description)
        );
    }
    text
}

/// All of one tool, as JSON. If that is too large, its line.
fn whole(module: &Module, tool: &Tool) -> String {
    let accounts: Vec<&str> = module.accounts.iter().map(|account| account.name.as_str()).collect();
    let whole = json!({
        "module": module.name,
        "tool": tool.name,
        "description": tool.description,
        "accounts": accounts,
        "default_account": accounts.first(),
        "capabilities": tool.operation.effects,
        "input_schema": *tool.operation.input_schema,
    });
    let text = whole.to_string();
    if text.len() <= MAX_ANSWER_BYTES { text } else { whole_line(module, tool) }
}

/// Lists what was found, the best first. `None` if nothing was.
fn search(found: &[(Arc<Module>, Arc<Tool>)]) -> Option<String> {
    let mut text = String::new();
    let mut described: Vec<&str> = Vec::new();
    for (module, tool) in found {
        let line = whole_line(module, tool);
        // The last match is the worst.
        if text.len() + line.len() > MAX_ANSWER_BYTES / 2 {
            break;
        }
        text.push_str(&line);
    }
    for (module, _) in found {
        if module.accounts.len() > 1 && !described.contains(&module.name.as_str()) {
            described.push(&module.name);
            let _ = writeln!(text, "{}: {}", module.name, accounts(module));
        }
    }
    (!text.is_empty()).then_some(text)
}
