//! `doctor`: diagnoses the profile, its files and its vaults, and says how to fix each problem.
//!
//! It reads each vault directly and bypasses the compartment, as `secret` does: a diagnosis needs the answer of the store,
//! not of a cache. All vaults are checked concurrently, so that one that hangs does not delay the others.

mod account;
mod descriptors;
mod fields;
mod healthz;
mod help;
mod links;
mod ports;
mod profile;
mod report;
mod server;
mod vault;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;

use super::Common;
use super::compose::{App, Interactivity};
use super::exit::{CommandError, Exit};
use super::output::Output;
use super::progress::bar;
use report::Report;
use vault::VaultCheck;

const EXAMPLES: &str = "\
Examples:
  cofferdam doctor                               check everything that the profile `dev` uses
  cofferdam doctor --profile production --json   print JSON
  cofferdam doctor --server --profile staging    health check of a container

Checks the profile, the ports, the limit of open files, the file permissions, each vault (reachable, authenticated, permissions neither missing nor too \
broad, certificates valid for some time) and each account (present, well-formed, not about to expire). Changes nothing: of a \
dynamic secret, a lease is created and revoked.
With `--server` only the server of the profile is asked, at `/healthz` on `server.listen`. No vault is accessed.
Exit code 0 without errors, 1 with errors, 2 if the profile is invalid.";

/// The timeout of one request to a vault.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The same if a person may have to type a passphrase.
const TYPING_TIMEOUT: Duration = Duration::from_secs(60);

/// Check profile, ports, files, vaults and accounts, and show how to fix each problem
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Only check whether the server of this profile responds
    #[arg(long)]
    server: bool,
}

/// Runs all checks and prints the report.
pub(crate) async fn run(common: &Common, args: DoctorArgs, output: &Output) -> Result<Exit, CommandError> {
    if args.server {
        return server::run(common, *output).await;
    }
    let (interactivity, timeout) = if std::io::stdin().is_terminal() && !output.is_json() {
        (Interactivity::Interactive, TYPING_TIMEOUT)
    } else {
        (Interactivity::NonInteractive, REQUEST_TIMEOUT)
    };
    let app = App::load(common, interactivity)?;
    let mut report = Report::default();
    profile::check(&app, &mut report);
    ports::check(&app.server, &mut report).await;
    descriptors::check(&app, &mut report);

    let checks = VaultCheck::for_all(&app);
    let bar = bar(checks.iter().map(VaultCheck::steps).sum(), *output);
    let reports = join_all(checks.iter().map(|check| check.run(timeout, &bar))).await;
    bar.finish_and_clear();
    reports.into_iter().for_each(|vault| report.append(vault));
    app.calls.broker().close().await;
    Ok(report.print(&app.profile, *output))
}
