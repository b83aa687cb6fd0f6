//! `demo`: shows how a failed vault affects only its own module.
//!
//! Server, vaults, HTTP and MCP client are real. Only the service that the tools call is part of the demo. Everything listens
//! on loopback and is stored in a temporary folder.

mod client;
mod environment;
mod report;
mod scenario;
mod service;

use std::time::Duration;

use clap::Args;
use cofferdam_config::text;

use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::os::ShutdownSignals;

const EXAMPLES: &str = "\
Examples:
  cofferdam demo
  cofferdam demo --json

Needs no account, no network and no profile. Creates its vaults in a temporary folder, and removes it at the end.
Exit code 1 if a step did not have the expected result.";

/// The timeout of the whole demo, which takes a few seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// See it work: of two vaults one breaks, and the module of the other continues to work
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {}

/// Runs the demo and prints its steps.
pub(crate) async fn run(_args: DemoArgs, output: &Output) -> Result<Exit, CommandError> {
    let mut signals = ShutdownSignals::listen().map_err(|error| {
        CommandError::failure(text!("cannot listen for signals: {error}"), "run the command again")
    })?;
    if !output.is_json() {
        output.line("Two modules, each with its own vault, behind one server. One vault breaks.\n");
    }
    // Dropping the scenario stops the server and removes the folder, so no path leaves anything behind.
    let result = tokio::select! {
        result = tokio::time::timeout(TIMEOUT, scenario::run()) => result,
        () = signals.recv() => {
            return Err(CommandError::failure("the demo was interrupted", "nothing is left behind; run it again"));
        }
    };
    let steps = result.unwrap_or_else(|_| {
        Err(CommandError::failure(
            text!("the demo did not finish within {} s", TIMEOUT.as_secs()),
            "run it with COFFERDAM_LOG=debug to see where it stops",
        ))
    })?;
    Ok(report::print(&steps, *output))
}
