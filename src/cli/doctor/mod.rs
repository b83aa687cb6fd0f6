//! `doctor`: what is wrong with a profile, its files and its vaults, and what to do about it.
//!
//! It looks at each vault past its compartment, as `secret` does: what counts here is the store's own answer, and not what
//! a cache still has. All vaults are looked at at once, so that one that hangs keeps no other from being checked.

mod fields;
mod local;
mod report;
mod server;
mod vaults;

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
use vaults::Subject;

const EXAMPLES: &str = "\
Examples:
  cofferdam doctor                               everything of the profile `dev`
  cofferdam doctor --profile production --json   for a program
  cofferdam doctor --server --profile staging    for a container's health check

Looks at the profile, ports, file modes, each vault (in reach, logged in, allowed what it needs and no more, \
its certificates not about to end) and each account (present, well-formed, ending soon). Changes nothing; of a dynamic secret a \
lease is made and given back.
With `--server` nothing but the profile's own server is asked, for `/healthz` on `server.listen`; no vault is touched.
Exit code 0 where nothing is bad, 1 where something is, 2 for a profile that is refused.";

/// How long one question to a vault may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same where somebody may be typing a passphrase.
const TYPING: Duration = Duration::from_secs(60);

/// Check profile, ports, files, vaults and accounts, and say what to do about each finding
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Ask only whether this profile's own server answers
    #[arg(long)]
    server: bool,
}

/// Looks, and says what it found.
pub(crate) async fn run(common: &Common, args: DoctorArgs, output: &Output) -> Result<Exit, CommandError> {
    if args.server {
        return server::run(common, *output).await;
    }
    let typing = std::io::stdin().is_terminal() && !output.is_json();
    let (interactivity, patience) =
        if typing { (Interactivity::Interactive, TYPING) } else { (Interactivity::NonInteractive, PATIENCE) };
    let app = App::load(common, interactivity)?;
    let mut report = Report::default();
    local::profile(&app, &mut report);
    local::ports(&app.server, &mut report).await;

    let subjects = Subject::all(&app);
    let bar = bar(subjects.iter().map(Subject::steps).sum(), *output);
    let found = join_all(subjects.iter().map(|subject| subject.look(patience, &bar))).await;
    bar.finish_and_clear();
    found.into_iter().for_each(|found| report.append(found));
    app.calls.broker().close().await;
    Ok(report.print(&app.profile, *output))
}
