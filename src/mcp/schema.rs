//! The results of `get_module_schema`.

use std::fmt::Write as _;
use std::sync::Arc;

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::arguments::SchemaRequest;
use super::results::success;
use crate::caller::Caller;
use crate::calls::{CallError, Calls, MAX_ANSWER_BYTES};
use crate::manifest::Tool;
use crate::registry::Module;

/// The maximum number of tools that a query returns.
const MAX_RESULTS: usize = 10;

/// The number of best matches among which a query over one module looks for its tools.
const MAX_CANDIDATES: usize = 200;

/// Returns the result for `request`.
///
/// # Errors
///
/// Returns `unknown_module`, for a hidden module exactly as for one that does not exist.
pub(super) fn respond(
    calls: &Calls,
    caller: &Caller,
    request: &SchemaRequest,
) -> Result<CallToolResult, CallError> {
    let module = match &request.module {
        None => None,
        Some(name) => Some(
            calls
                .registry()
                .module(caller, name)
                .ok_or_else(|| calls.unknown_module(caller, name).about(name, None))?,
        ),
    };
    Ok(match (module, &request.query) {
        (None, None) => modules(calls, &calls.registry().modules(caller).collect::<Vec<_>>()),
        (Some(module), None) => tools(module, &module.tools),
        (Some(module), Some(query)) => {
            let mut found = calls.registry().search(caller, query, MAX_CANDIDATES);
            found.retain(|(of, _)| of.name == module.name);
            found.truncate(MAX_RESULTS);
            search(&found)
        }
        (None, Some(query)) => search(&calls.registry().search(caller, query, MAX_RESULTS)),
    })
}

/// Lists the modules, one per line: `github (ready; accounts work, personal): Repositories, issues …`.
fn modules(calls: &Calls, modules: &[&Arc<Module>]) -> CallToolResult {
    let mut text = String::new();
    let mut values = Vec::with_capacity(modules.len());
    for module in modules {
        let state = calls.broker().module_vault(&module.name).map(|vault| vault.state);
        let accounts: Vec<&str> = module.accounts.iter().map(|account| account.name.as_str()).collect();
        let value = json!({
            "module": module.name,
            "description": module.description,
            "state": state,
            "accounts": accounts,
        });
        let state = value["state"].as_str().unwrap_or("unknown");
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} ({state}; accounts {}): {}",
            module.name,
            accounts.join(", "),
            module.description.split_whitespace().collect::<Vec<_>>().join(" "),
        );
        if text.len() > MAX_ANSWER_BYTES {
            let rest = modules.len() - values.len();
            let _ = writeln!(text, "… and {rest} more; narrow the list with a query");
            return success(json!({ "modules": values, "more": rest }), text);
        }
        values.push(value);
    }
    if modules.is_empty() {
        text.push_str("There are no modules. The user can add one to the profile of the server.");
    }
    success(json!({ "modules": values }), text)
}

/// Lists the tools of a module with their schemas, or without them if they are too large.
fn tools(module: &Module, tools: &[Arc<Tool>]) -> CallToolResult {
    let head = |tools: Vec<Value>| {
        json!({
            "module": module.name,
            "title": module.service.title,
            "accounts": module.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(),
            "tools": tools,
        })
    };
    let whole = head(tools.iter().map(|tool| described(tool)).collect());
    if let Some(result) = within_bounds(whole) {
        return result;
    }
    let note = "the schemas are omitted, because there are too many; ask again with a query to see those of the tools you need";
    let mut brief = head(
        tools.iter().map(|tool| json!({ "tool": tool.name, "description": tool.description })).collect(),
    );
    brief["note"] = note.into();
    if let Some(result) = within_bounds(brief) {
        return result;
    }
    let mut names = head(Vec::new());
    names["note"] =
        format!("the module has {} tools, too many to list; ask again with a query", tools.len()).into();
    success(names.clone(), names.to_string())
}

fn search(found: &[(Arc<Module>, Arc<Tool>)]) -> CallToolResult {
    let mut tools: Vec<Value> = Vec::with_capacity(found.len());
    for (module, tool) in found {
        let mut value = described(tool);
        value["module"] = module.name.as_str().into();
        tools.push(value);
    }
    loop {
        if let Some(result) = within_bounds(json!({ "tools": tools })) {
            return result;
        }
        // The last match is the worst.
        tools.pop();
    }
}

fn described(tool: &Tool) -> Value {
    json!({
        "tool": tool.name,
        "description": tool.description,
        "input_schema": *tool.operation.input_schema,
        "capabilities": tool.operation.effects,
    })
}

fn within_bounds(value: Value) -> Option<CallToolResult> {
    let text = value.to_string();
    (text.len() <= MAX_ANSWER_BYTES).then(|| success(value, text))
}
