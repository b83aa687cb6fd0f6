//! `doctor`: what is wrong, and what to do about it.

mod server;

use clap::Args;

use super::Common;
use super::exit::{Exit, Failure};
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  cofferdam doctor --server --profile staging    for a container's health check

`--server` asks this profile's own server for `/healthz` on `server.listen`, and nothing else: no vault is touched. \
Exit code 0 where it answers, 1 where it does not.";

/// Look whether this profile's server answers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Ask only whether this profile's own server answers
    #[arg(long, required = true)]
    server: bool,
}

/// Looks, and says what it found.
pub(crate) async fn run(common: &Common, _args: DoctorArgs, output: &Output) -> Result<Exit, Failure> {
    server::run(common, *output).await
}
