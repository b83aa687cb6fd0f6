//! `module list` and `module show`: the modules of the profile, their state and their tools.

use std::sync::Arc;

use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde_json::{Value, json};

use super::Common;
use super::compose::{App, Interactivity};
use super::exit::{CommandError, Exit};
use super::module_status::ModuleStatus;
use super::output::Output;
use super::table::{self, bold, green, keep_words, red, yellow};
use crate::connectors::SideEffect;
use crate::manifest::Tool;

const LIST_EXAMPLES: &str = "\
Examples:
  cofferdam module list
  cofferdam module list --profile airgap --json

Exit code 1 if a manifest cannot be used.";

const SHOW_EXAMPLES: &str = "\
Examples:
  cofferdam module show github
  cofferdam module show github --json             with the input schemas";

/// List the modules of the profile, or show the tools of one
#[derive(Debug, Subcommand)]
pub(crate) enum ModuleCommand {
    /// List the modules with their vaults, states and accounts
    #[command(after_help = LIST_EXAMPLES)]
    List,
    Show(ShowArgs),
}

/// Show the tools of a module
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// The name of the module in the profile
    module: String,
}

/// Runs the subcommand. Probes each vault once, and reads no secret.
pub(crate) async fn run(
    common: &Common,
    command: ModuleCommand,
    output: &Output,
) -> Result<Exit, CommandError> {
    let app = App::load(common, Interactivity::NonInteractive)?;
    app.calls.broker().start().await;
    let exit = match command {
        ModuleCommand::List => Ok(list(&app, *output)),
        ModuleCommand::Show(args) => show(&app, &args.module, *output),
    };
    app.calls.broker().close().await;
    exit
}

fn list(app: &App, output: Output) -> Exit {
    let broken = app.calls.registry().broken();
    if output.is_json() {
        let rows: Vec<Value> = app.modules().map(|status| summary(&status)).collect();
        output.document(&json!({ "modules": rows, "problems": broken }));
    } else {
        let mut table = table::new(&["module", "vault", "state", "accounts", "tools", "description"]);
        for status in app.modules() {
            table.add_row([
                bold(&status.entry.name),
                Cell::new(&status.entry.vault),
                status.cell(),
                Cell::new(status.accounts().join(", ")),
                Cell::new(status.module.map_or(0, |module| module.tools.len())),
                Cell::new(status.module.map_or("", |module| &module.description)),
            ]);
        }
        output.line(keep_words(table));
        output.profile_warnings(&app.warnings, broken);
    }
    if broken.is_empty() { Exit::Success } else { Exit::Failure }
}

fn show(app: &App, name: &str, output: Output) -> Result<Exit, CommandError> {
    let status = app.module(name)?;
    let module = status.loaded()?;
    if output.is_json() {
        let mut document = summary(&status);
        document["tools"] = module.tools.iter().map(tool_document).collect();
        output.document(&document);
        return Ok(Exit::Success);
    }
    output.line(format_args!(
        "{} ({} {})\n{}",
        module.name, module.service.title, module.version, module.description
    ));
    output.line(format_args!("accounts: {}", status.accounts().join(", ")));
    if let Some(vault) = app.calls.broker().module_vault(name) {
        let reason = vault.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        output.line(format_args!("vault: {} ({}), {}{reason}", vault.name, vault.backend, vault.state));
    }
    let mut table = table::new(&["tool", "arguments", "effect", "description"]);
    for tool in &module.tools {
        let effect = match tool.operation.effects.side_effect {
            SideEffect::None => green("reads"),
            SideEffect::Write => yellow("writes"),
            SideEffect::Destructive => red("destroys"),
        };
        table.add_row([
            bold(&tool.name),
            Cell::new(arguments(tool).join(", ")),
            effect,
            Cell::new(&tool.description),
        ]);
    }
    output.line(format_args!("{}\n* required argument", keep_words(table)));
    Ok(Exit::Success)
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

/// Returns the names of the tool's arguments, with `*` after each required one.
fn arguments(tool: &Tool) -> Vec<String> {
    let required = |name: &str| {
        let list = tool.operation.input_schema.get("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one == name))
    };
    let properties = tool.operation.input_schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(|properties| properties.keys());
    names.map(|name| if required(name) { format!("{name}*") } else { name.clone() }).collect()
}
