//! `secret copy`: copies credentials from one vault to another, or to the vaults of another profile.
//!
//! A copy keeps no state of its own. Each run reads both sides to find out what is left to do, so the same command resumes a
//! copy that was interrupted at any point. Each write expects the version that was read, so no concurrent change is lost and
//! no secret gets a second version.
//!
//! The steps: [`route`] decides which secret goes where, [`plan`] reads both sides, [`execute`] writes, [`report`] prints.

mod compare;
mod execute;
mod item;
mod plan;
mod report;
mod retry;
mod route;

use clap::Args;

use crate::cli::compose::{App, Interactivity};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::hint;
use crate::cli::output::Output;
use crate::cli::progress::bar;
use crate::profile::Overrides;
use report::Report;
use route::Route;

const EXAMPLES: &str = "\
Examples:
  cofferdam secret copy --from files --to github-vault             print the plan
  cofferdam secret copy --from files --to github-vault --apply     copy
  cofferdam secret copy --from local --to-profile staging --apply  copy each module's secrets to its vault there

Copies the credentials of the profile's modules in that vault and, from a vault that can be listed, everything else in it (for \
example of other users). Without --to, copies only what a module of the other profile uses, to the vault and path that the \
module has there. COFFERDAM__… variables apply to --profile and not to --to-profile.

Each credential is read back and compared. If the destination already has equal fields, nothing is written, so the same \
command resumes an interrupted copy. If it has different fields, that is a conflict, and they are kept unless --replace is \
given. Nothing is deleted at the source; use `secret delete` for that. Dynamic secrets, which are created for each read, are \
not copied.
Exit code 0 if everything was copied, or without --apply could be. Exit code 1 if something is left or in conflict.";

/// Copy credentials from one vault to another. Without --apply, only print the plan
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CopyArgs {
    /// The source: a vault of the profile
    #[arg(long, value_name = "VAULT")]
    from: String,
    /// The destination: a vault of --to-profile if given, else of the profile. By default, with --to-profile, the vault of
    /// each module
    #[arg(long, value_name = "VAULT", required_unless_present = "to_profile")]
    to: Option<String>,
    /// The profile of the destination, a name or a file as for --profile. By default, the same profile
    #[arg(long, value_name = "NAME|FILE")]
    to_profile: Option<String>,
    /// Copy, instead of only printing the plan
    #[arg(long)]
    apply: bool,
    /// Replace secrets that differ at the destination, with all of their fields
    #[arg(long)]
    replace: bool,
}

impl CopyArgs {
    /// Returns the command that performs or resumes this copy.
    fn command(&self, profile: &str) -> String {
        let mut command = format!(
            "cofferdam secret copy --profile {} --from {}",
            hint::quoted(profile),
            hint::quoted(&self.from)
        );
        for (flag, value) in [("--to-profile", &self.to_profile), ("--to", &self.to)] {
            if let Some(value) = value {
                command.push_str(&format!(" {flag} {}", hint::quoted(value)));
            }
        }
        command.push_str(if self.replace { " --replace --apply" } else { " --apply" });
        command
    }
}

/// Plans the copy, prints the plan, and executes it with `--apply`.
pub(super) async fn run(app: &App, args: CopyArgs, output: Output) -> Result<Exit, CommandError> {
    let other = match &args.to_profile {
        Some(name) => {
            Some(App::load_with_overrides(name, &Overrides::default(), Interactivity::Interactive)?)
        }
        None => None,
    };
    let exit = copy(app, other.as_ref(), &args, output).await;
    if let Some(other) = other {
        other.calls.broker().close().await;
    }
    exit
}

async fn copy(app: &App, other: Option<&App>, args: &CopyArgs, output: Output) -> Result<Exit, CommandError> {
    let route = Route::new(app, other, &args.from, args.to.as_deref())?;
    let (items, skipped) = route.items().await?;
    let progress = bar(items.len(), output);
    let rows = plan::plan(items, args.replace, &progress).await;
    progress.finish_and_clear();
    let mut report = Report::new(args.from.clone(), args.command(&app.profile), args.apply, rows, skipped);
    report.print_plan(output);
    if args.apply {
        let progress = bar(report.pending(), output);
        for row in report.pending_rows() {
            execute::execute(row).await;
            report::print_row(row, &progress, output);
        }
        progress.finish_and_clear();
    }
    Ok(report.print_summary(output))
}
