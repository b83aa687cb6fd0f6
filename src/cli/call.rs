//! `call`: one tool, the way a model would call it, from the command line.

use clap::Args;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Common;
use super::compose::{Composed, Person};
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::caller::Caller;
use crate::calls::{CallAnswer, CallError, CallRequest, Code};
use crate::os::EndSignals;

const EXAMPLES: &str = "\
Examples:
  cofferdam call github list_issues '{\"owner\": \"rust-lang\", \"repo\": \"rust\"}'
  cofferdam call github create_issue '{\"owner\": \"me\", \"repo\": \"x\", \"title\": \"t\"}' --account work
  cofferdam call github get_repository '{\"owner\": \"me\", \"repo\": \"x\"}' --full --json

Exit code 1 where the tool answers with an error; docs/troubleshooting.md has each code.";

/// Call one tool and print its answer
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CallArgs {
    /// The module, for example `github`
    module: String,
    /// The tool; `cofferdam module show MODULE` lists them
    tool: String,
    /// The tool's arguments, a JSON object
    #[arg(value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// The account; absent, a tool that only reads uses the module's default
    #[arg(long)]
    account: Option<String>,
    /// The service's whole answer instead of what the manifest selects
    #[arg(long)]
    full: bool,
}

/// Calls the tool.
pub(crate) async fn run(common: &Common, args: CallArgs, output: &Output) -> Result<Exit, Failure> {
    let request = CallRequest {
        module: args.module,
        tool: args.tool,
        arguments: parse(&args.arguments)?,
        account: args.account,
        full: args.full,
    };
    let composed = Composed::of(common, Person::AtTheTerminal)?;
    if let Ok(module) = composed.module(&request.module) {
        module.offer()?;
    }
    let mut signals = EndSignals::listen()
        .map_err(|error| Failure::bad(format!("no signal handler: {error}"), "try again"))?;
    let deadline = Instant::now() + composed.server.call_timeout;
    let result = composed.calls.call(&Caller::local(), request, deadline, signals.next()).await;
    composed.calls.broker().close().await;
    Ok(match result {
        Ok(answer) => print_answer(*output, &answer),
        Err(error) => print_error(*output, &error),
    })
}

fn parse(text: &str) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        // Neither the parser's words nor the text: an argument may be somebody's private matter.
        Ok(_) | Err(_) => Err(Failure::usage(
            "the arguments are no JSON object",
            "quote them for the shell: '{\"owner\": \"me\"}'",
        )),
    }
}

fn print_answer(output: Output, answer: &CallAnswer) -> Exit {
    if output.is_json() {
        output.document(answer.value());
        return Exit::Good;
    }
    match answer.value().get("result") {
        Some(Value::String(text)) => output.line(text),
        result => output.document(&result),
    }
    if let Some(next) = answer.value().get("next") {
        output.remark(format_args!("there is more; the next page's arguments: {next}"));
    }
    Exit::Good
}

fn print_error(output: Output, error: &CallError) -> Exit {
    if output.is_json() {
        output.document(&json!({ "error": error }));
    } else {
        // The message is the model's, and names the model's tools.
        let help = match error.code {
            Code::UnknownModule => "`cofferdam module list` shows the profile's modules",
            Code::UnknownTool => "`cofferdam module show MODULE` shows a module's tools",
            _ => "",
        };
        output.error(format_args!("{}: {}", error.code.as_str(), error.message), help);
        if let Some(schema) = &error.schema {
            output.remark("the arguments must fit:");
            output.remark(serde_json::to_string_pretty(schema).unwrap_or_default());
        }
    }
    Exit::Bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object() {
        assert_eq!(parse("{}").unwrap().len(), 0);
        assert_eq!(parse(r#"{"a": 1}"#).unwrap()["a"], 1);
        for bad in ["", "[]", "1", "{", "null"] {
            let failure = parse(bad).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{bad}");
        }
    }
}
