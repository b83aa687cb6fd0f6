//! `call`: calls one tool, as a model would.

use clap::Args;
use cofferdam_config::suggestions::bounded;
use cofferdam_config::{Text, text};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Common;
use super::compose::{App, Interactivity};
use super::exit::{CommandError, Exit};
use super::hint;
use super::output::Output;
use crate::caller::Caller;
use crate::calls::{CallAnswer, CallError, CallRequest, Code, parse_arguments};
use crate::os::ShutdownSignals;

const EXAMPLES: &str = "\
Examples:
  cofferdam call github list_issues '{\"owner\": \"rust-lang\", \"repo\": \"rust\"}'
  cofferdam call github create_issue '{\"owner\": \"me\", \"repo\": \"x\", \"title\": \"t\"}' --account work
  cofferdam call github get_repository '{\"owner\": \"me\", \"repo\": \"x\"}' --full --json

Exit code 1 if the tool returns an error. docs/troubleshooting.md explains each error code.";

/// Call one tool and print its result
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CallArgs {
    /// The module, for example `github`
    module: String,
    /// The tool. `cofferdam module show MODULE` lists them
    tool: String,
    /// The arguments of the tool, as a JSON object
    #[arg(value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// The account. By default, a tool that only reads uses the default account of the module
    #[arg(long)]
    account: Option<String>,
    /// Print the full response of the service instead of the fields that the manifest selects
    #[arg(long)]
    full: bool,
}

/// Calls the tool.
pub(crate) async fn run(common: &Common, args: CallArgs, output: &Output) -> Result<Exit, CommandError> {
    let request = CallRequest {
        module: args.module,
        tool: args.tool,
        arguments: parse(&args.arguments)?,
        account: args.account,
        full: args.full,
    };
    let app = App::load(common, Interactivity::Interactive)?;
    if let Ok(module) = app.module(&request.module) {
        module.loaded()?;
    }
    let mut signals = ShutdownSignals::listen().map_err(|error| {
        CommandError::failure(text!("cannot listen for signals: {error}"), "run the command again")
    })?;
    let module = request.module.clone();
    let deadline = Instant::now() + app.server.call_timeout;
    let result = app.calls.call(&Caller::local(), request, deadline, signals.recv()).await;
    app.calls.broker().close().await;
    Ok(match result {
        Ok(answer) => print_answer(*output, &answer),
        Err(error) => print_error(*output, &error, &app.profile, &module),
    })
}

fn parse(text: &str) -> Result<Map<String, Value>, CommandError> {
    // Quotes neither the parser's error nor the text: an argument may be private.
    parse_arguments(text).map_err(|invalid| {
        CommandError::usage(
            text!("the arguments are not a JSON object, but {invalid}"),
            "quote them for the shell, for example '{\"owner\": \"me\"}'",
        )
    })
}

fn print_answer(output: Output, answer: &CallAnswer) -> Exit {
    if output.is_json() {
        output.document(answer.value());
        return Exit::Success;
    }
    match answer.value().get("result") {
        Some(Value::String(text)) => output.line(text),
        result => output.document(&result),
    }
    if let Some(Value::String(note)) = answer.value().get("note") {
        output.note(format_args!("note: {note}"));
    }
    if let Some(next) = answer.value().get("next") {
        output.note(format_args!("there are more results; the arguments of the next page are {next}"));
    }
    Exit::Success
}

fn print_error(output: Output, error: &CallError, profile: &str, module: &str) -> Exit {
    if output.is_json() {
        output.document(&json!({ "error": error }));
        return Exit::Failure;
    }
    // The message is written for a model and names the meta-tools. A person needs the commands.
    let help = match error.code {
        Code::UnknownModule => format!("list the modules with {}", hint::command(profile, "module list")),
        Code::UnknownTool => {
            format!(
                "list the tools with {}",
                hint::command(
                    profile,
                    text!("module show {}", Text::unchecked(hint::quoted(&bounded(module))))
                )
            )
        }
        _ => String::new(),
    };
    output.error(format_args!("{}: {}", error.code.as_str(), error.message), &help);
    if let Some(schema) = &error.schema {
        output.note("the arguments must match this schema:");
        output.note(serde_json::to_string_pretty(schema).unwrap_or_default());
    }
    Exit::Failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object() {
        for none in ["{}", "", "null"] {
            assert_eq!(parse(none).unwrap().len(), 0, "{none}");
        }
        assert_eq!(parse(r#"{"a": 1}"#).unwrap()["a"], 1);
        for bad in ["[]", "1", "{", "owner=me", "{\"a\": \"\\ud83d\"}"] {
            let failure = parse(bad).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{bad}");
        }
    }
}
