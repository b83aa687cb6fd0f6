//! `demo`: the newcomer's first minute. Everything in it is real (server, vaults, HTTP, MCP client) but the service
//! that is called, and everything is on loopback and in one folder that goes away.

mod client;
mod environment;
mod report;
mod scenario;
mod service;

use std::time::Duration;

use clap::Args;

use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::os::ShutdownSignals;

const EXAMPLES: &str = "\
Examples:
  cofferdam demo
  cofferdam demo --json

It needs no account, no network and no profile, makes its vaults in a temporary folder, and leaves nothing behind.
Exit code 1 where anything was not as promised.";

/// How long the whole demo may take; it takes a few seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// See it work: two vaults, one breaks, the other's module does not notice
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {}

/// Plays the demo and prints what happened.
pub(crate) async fn run(_args: DemoArgs, output: &Output) -> Result<Exit, CommandError> {
    let mut signals = ShutdownSignals::listen()
        .map_err(|error| CommandError::failure(format!("no signal handler: {error}"), "try again"))?;
    if !output.is_json() {
        output.line("Two modules, each with its own vault, behind one server. One vault breaks.\n");
    }
    // Whichever ends first, the story is dropped with all it made: its folder goes away on every path.
    let told = tokio::select! {
        told = tokio::time::timeout(LIMIT, scenario::tell()) => told,
        () = signals.recv() => return Err(CommandError::failure("interrupted", "nothing is left behind; run it again")),
    };
    let steps = told.unwrap_or_else(|_| {
        Err(CommandError::failure(
            format!("the demo did not end within {} s", LIMIT.as_secs()),
            "COFFERDAM_LOG=debug shows where it hangs",
        ))
    })?;
    Ok(report::print(&steps, *output))
}
