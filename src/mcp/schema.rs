//! What `get_module_schema` answers.

use std::fmt::Write as _;
use std::sync::Arc;

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::arguments::SchemaRequest;
use super::results::succeeded;
use crate::caller::Caller;
use crate::calls::{CallError, Calls, MAX_ANSWER_BYTES};
use crate::manifest::Tool;
use crate::registry::Module;

/// How many tools a query finds.
const FOUND: usize = 10;

/// How many tools a query over one module looks at before the others are left out.
const LOOKED_AT: usize = 200;

/// The answer to `request`.
///
/// # Errors
///
/// `unknown_module`, for a module that is hidden exactly as for one that does not exist.
pub(super) fn answer(
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
            let mut found = calls.registry().search(caller, query, LOOKED_AT);
            found.retain(|(of, _)| of.name == module.name);
            found.truncate(FOUND);
            search(&found)
        }
        (None, Some(query)) => search(&calls.registry().search(caller, query, FOUND)),
    })
}

/// One line each: `github (ready; accounts work, personal): Repositories, issues …`.
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
            let _ = writeln!(text, "… and {rest} more; ask with a query");
            return succeeded(json!({ "modules": values, "more": rest }), text);
        }
        values.push(value);
    }
    if modules.is_empty() {
        text.push_str("There are no modules yet: the user has to add one to the server's profile.");
    }
    succeeded(json!({ "modules": values }), text)
}

/// The tools of one module with their schemas; where these are too much, without.
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
    let note = "the schemas are left out here; ask again with a query for those of the tools you need";
    let mut brief = head(
        tools.iter().map(|tool| json!({ "tool": tool.name, "description": tool.description })).collect(),
    );
    brief["note"] = note.into();
    if let Some(result) = within_bounds(brief) {
        return result;
    }
    let mut names = head(Vec::new());
    names["note"] = format!("{} tools are too many to show; ask again with a query", tools.len()).into();
    succeeded(names.clone(), names.to_string())
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
        // Worst last: what does not fit is the least wanted.
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
    (text.len() <= MAX_ANSWER_BYTES).then(|| succeeded(value, text))
}
