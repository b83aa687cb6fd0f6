//! `module list` and `module show`: what the profile's modules offer, and how they are.

use std::sync::Arc;

use clap::{Args, Subcommand};
use comfy_table::{Attribute, Cell};
use serde_json::{Value, json};

use super::Common;
use super::compose::{Composed, Person};
use super::exit::{Exit, Failure};
use super::output::{Output, bad, fair, good, keep_words};
use super::profile::print_remarks;
use crate::access::Caller;
use crate::broker::{CompartmentState, VaultStatus};
use crate::registry::{Module, SideEffect, Tool};

const LIST_EXAMPLES: &str = "\
Examples:
  cofferdam module list
  cofferdam module list --profile airgap --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  cofferdam module show github
  cofferdam module show github --json             input schemas too";

/// List the profile's modules, and show what one of them offers
#[derive(Debug, Subcommand)]
pub(crate) enum ModuleCommand {
    /// List the modules with their vaults, states and accounts
    #[command(after_help = LIST_EXAMPLES)]
    List,
    Show(ShowArgs),
}

/// Show a module's tools
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// The module's name in the profile
    module: String,
}

/// Runs one of them. Looks at each vault once, and reads no secret.
pub(crate) async fn run(common: &Common, command: ModuleCommand, output: &Output) -> Result<Exit, Failure> {
    let composed = Composed::of(common, Person::Nobody)?;
    composed.calls.broker().start().await;
    let exit = match command {
        ModuleCommand::List => list(&composed, *output),
        ModuleCommand::Show(args) => show(&composed, &args.module, *output),
    };
    composed.calls.broker().close().await;
    exit
}

fn list(composed: &Composed, output: Output) -> Result<Exit, Failure> {
    let registry = composed.calls.registry();
    let modules: Vec<_> = registry.modules(&Caller::local()).collect();
    let status = |module: &Module| composed.calls.broker().module_vault(&module.name);
    if output.is_json() {
        let rows: Vec<Value> = modules.iter().map(|m| summary(m, status(m).as_ref())).collect();
        output.document(&json!({ "modules": rows, "problems": registry.broken() }));
    } else {
        let mut table = output.table(&["module", "vault", "state", "accounts", "tools", "what it is for"]);
        for module in &modules {
            let vault = status(module);
            table.add_row([
                Cell::new(&module.name).add_attribute(Attribute::Bold),
                Cell::new(vault.as_ref().map_or("", |v| &v.name)),
                vault.as_ref().map_or_else(|| bad("no vault"), state_cell),
                Cell::new(account_names(module).join(", ")),
                Cell::new(module.tools.len()),
                Cell::new(&module.description),
            ]);
        }
        output.line(keep_words(table));
        print_remarks(output, &composed.warnings, registry.broken());
    }
    Ok(if registry.broken().is_empty() { Exit::Good } else { Exit::Bad })
}

fn show(composed: &Composed, name: &str, output: Output) -> Result<Exit, Failure> {
    let caller = Caller::local();
    let registry = composed.calls.registry();
    let Some(module) = registry.module(&caller, name) else {
        return Err(Failure::usage(
            format!("the profile has no module `{}`", name.escape_debug()),
            "`cofferdam module list` shows those that it has",
        ));
    };
    let vault = composed.calls.broker().module_vault(&module.name);
    if output.is_json() {
        let mut document = summary(module, vault.as_ref());
        document["tools"] = module.tools.iter().map(tool_document).collect();
        output.document(&document);
        return Ok(Exit::Good);
    }
    output
        .line(format_args!("{} ({} {})\n{}", module.name, module.title, module.version, module.description));
    output.line(format_args!("accounts: {}", account_names(module).join(", ")));
    if let Some(vault) = vault {
        let reason = vault.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        output.line(format_args!("vault: {} ({}), {}{reason}", vault.name, vault.backend, vault.state));
    }
    let mut table = output.table(&["tool", "arguments", "effect", "what it does"]);
    for tool in &module.tools {
        let effect = match tool.effects.side_effect {
            SideEffect::None => good("reads"),
            SideEffect::Write => fair("writes"),
            SideEffect::Destructive => bad("destroys"),
        };
        table.add_row([
            Cell::new(&tool.name).add_attribute(Attribute::Bold),
            Cell::new(arguments(tool).join(", ")),
            effect,
            Cell::new(&tool.description),
        ]);
    }
    output.line(format_args!("{}\narguments with * are required", keep_words(table)));
    Ok(Exit::Good)
}

fn summary(module: &Module, vault: Option<&VaultStatus>) -> Value {
    json!({
        "name": module.name,
        "title": module.title,
        "version": module.version,
        "description": module.description,
        "vault": vault.map(|v| &v.name),
        "state": vault.map(|v| v.state),
        "reason": vault.and_then(|v| v.reason.as_ref()),
        "accounts": account_names(module),
        "tools": module.tools.len(),
    })
}

fn tool_document(tool: &Arc<Tool>) -> Value {
    json!({
        "name": tool.name,
        "description": tool.description,
        "effects": tool.effects,
        "input_schema": *tool.input_schema,
    })
}

fn account_names(module: &Module) -> Vec<&str> {
    module.accounts.iter().map(|account| account.name.as_str()).collect()
}

/// The names of a tool's arguments, those that must be given marked.
fn arguments(tool: &Tool) -> Vec<String> {
    let required = |name: &str| {
        let list = tool.input_schema.get("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one == name))
    };
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(|properties| properties.keys());
    names.map(|name| if required(name) { format!("{name}*") } else { name.clone() }).collect()
}

/// A vault's state with the reason, in its colour.
pub(super) fn state_cell(vault: &VaultStatus) -> Cell {
    let reason = vault.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let text = format!("{}{reason}", vault.state);
    match vault.state {
        CompartmentState::Ready => good(text),
        CompartmentState::Degraded => fair(text),
        CompartmentState::Down => bad(text),
    }
}
