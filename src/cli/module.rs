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
use super::roster::ModuleStatus;
use crate::connectors::SideEffect;
use crate::manifest::Tool;

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
    let broken = composed.calls.registry().broken();
    if output.is_json() {
        let rows: Vec<Value> = composed.modules().map(|status| summary(&status)).collect();
        output.document(&json!({ "modules": rows, "problems": broken }));
    } else {
        let mut table = output.table(&["module", "vault", "state", "accounts", "tools", "what it is for"]);
        for status in composed.modules() {
            table.add_row([
                Cell::new(&status.entry.name).add_attribute(Attribute::Bold),
                Cell::new(&status.entry.vault),
                status.cell(),
                Cell::new(status.accounts().join(", ")),
                Cell::new(status.module.map_or(0, |module| module.tools.len())),
                Cell::new(status.module.map_or("", |module| &module.description)),
            ]);
        }
        output.line(keep_words(table));
        print_remarks(output, &composed.warnings, broken);
    }
    Ok(if broken.is_empty() { Exit::Good } else { Exit::Bad })
}

fn show(composed: &Composed, name: &str, output: Output) -> Result<Exit, Failure> {
    let status = composed.module(name)?;
    let module = status.offer()?;
    if output.is_json() {
        let mut document = summary(&status);
        document["tools"] = module.tools.iter().map(tool_document).collect();
        output.document(&document);
        return Ok(Exit::Good);
    }
    output.line(format_args!(
        "{} ({} {})\n{}",
        module.name, module.service.title, module.version, module.description
    ));
    output.line(format_args!("accounts: {}", status.accounts().join(", ")));
    if let Some(vault) = composed.calls.broker().module_vault(name) {
        let reason = vault.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        output.line(format_args!("vault: {} ({}), {}{reason}", vault.name, vault.backend, vault.state));
    }
    let mut table = output.table(&["tool", "arguments", "effect", "what it does"]);
    for tool in &module.tools {
        let effect = match tool.operation.effects.side_effect {
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

fn summary(status: &ModuleStatus<'_>) -> Value {
    let mut summary = status.document();
    let module = status.module;
    summary["title"] = json!(module.map(|module| &module.service.title));
    summary["version"] = json!(module.map(|module| &module.version));
    summary["description"] = json!(module.map(|module| &module.description));
    summary["tools"] = json!(module.map_or(0, |module| module.tools.len()));
    summary
}

fn tool_document(tool: &Arc<Tool>) -> Value {
    json!({
        "name": tool.name,
        "description": tool.description,
        "effects": tool.operation.effects,
        "input_schema": *tool.operation.input_schema,
    })
}

/// The names of a tool's arguments, those that must be given marked.
fn arguments(tool: &Tool) -> Vec<String> {
    let required = |name: &str| {
        let list = tool.operation.input_schema.get("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one == name))
    };
    let properties = tool.operation.input_schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(|properties| properties.keys());
    names.map(|name| if required(name) { format!("{name}*") } else { name.clone() }).collect()
}
