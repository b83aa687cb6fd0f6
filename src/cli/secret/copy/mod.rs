//! `secret copy`: credentials from one vault into another, or into those of another profile.
//!
//! Nothing is kept between two runs: what is done already is seen by reading both sides, so a copy that was killed
//! anywhere is resumed by the same command. A write expects what the reading saw, so nobody's change is lost and no secret
//! gets a second version.

mod act;
mod item;
mod plan;
mod report;
mod same;

use clap::Args;

use super::super::Common;
use super::super::compose::{Composed, Person};
use super::super::exit::{Exit, Failure};
use super::super::output::Output;
use super::super::progress::bar;
use crate::profile::Overrides;
use item::Route;
use report::Report;

const EXAMPLES: &str = "\
Examples:
  cofferdam secret copy --from files --to github-vault             says what would be done
  cofferdam secret copy --from files --to github-vault --apply     does it
  cofferdam secret copy --from local --to-profile staging --apply  each module's into its vault there

What is copied: the credentials of the profile's modules in that vault, and, from a vault that can list, \
whatever else lies there (of other users, for example). Without --to only what a module of the other profile uses, each to \
the vault and path that it has there. COFFERDAM__… variables count for --profile, not for --to-profile.

Each credential is read back and compared. One that is there already with the same fields is left as it is, so the same \
command resumes a copy that was interrupted. One that differs is a conflict, and stays unless --replace is given. Nothing is \
deleted at the source; `secret delete` does that. Secrets that are made anew for each read are not copied.
Exit code 0 where everything is, or without --apply could be, copied; 1 where something is left, or in the way.";

/// Copy credentials from one vault to another; without --apply only say what would be done
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CopyArgs {
    /// The vault of the profile that is copied from
    #[arg(long, value_name = "VAULT")]
    from: String,
    /// The vault that is copied to, of the other profile where one is named. Absent, with --to-profile: the vault of each module
    #[arg(long, value_name = "VAULT", required_unless_present = "to_profile")]
    to: Option<String>,
    /// The profile that is copied to, a name or a file as for --profile. Absent: the same one
    #[arg(long, value_name = "NAME|FILE")]
    to_profile: Option<String>,
    /// Do it
    #[arg(long)]
    apply: bool,
    /// Replace what is there and differs, all of its fields
    #[arg(long)]
    replace: bool,
}

impl CopyArgs {
    /// The command that does, or goes on with, this copy.
    fn command(&self, common: &Common) -> String {
        let mut command = format!("cofferdam secret copy --profile {} --from {}", common.profile, self.from);
        for (flag, value) in [("--to-profile", &self.to_profile), ("--to", &self.to)] {
            if let Some(value) = value {
                command.push_str(&format!(" {flag} {value}"));
            }
        }
        command.push_str(if self.replace { " --replace --apply" } else { " --apply" });
        command
    }
}

/// Plans the copy, prints the plan, and does it where that is asked for.
pub(super) async fn run(
    common: &Common,
    composed: &Composed,
    args: CopyArgs,
    output: Output,
) -> Result<Exit, Failure> {
    let other = match &args.to_profile {
        Some(name) => Some(Composed::with_layers(name, &Overrides::default(), Person::AtTheTerminal)?),
        None => None,
    };
    let exit = copy(common, composed, other.as_ref(), &args, output).await;
    if let Some(other) = other {
        other.calls.broker().close().await;
    }
    exit
}

async fn copy(
    common: &Common,
    composed: &Composed,
    other: Option<&Composed>,
    args: &CopyArgs,
    output: Output,
) -> Result<Exit, Failure> {
    let route = Route::of(composed, other, &args.from, args.to.as_deref())?;
    let (items, skipped) = route.items().await?;
    let planning = bar(items.len(), output);
    let planned = plan::plan(items, args.replace, &planning).await;
    planning.finish_and_clear();
    let mut report = Report::new(args, common, planned, skipped);
    report.print_plan(output);
    if args.apply {
        let work = bar(report.left(), output);
        for row in report.rows_to_do() {
            act::act(row).await;
            report::print_done(row, &work, output);
        }
        work.finish_and_clear();
    }
    Ok(report.print_end(output))
}
