//! `profile check` and `profile schema`: what is wrong with a profile, and what one may hold.

use std::fmt;

use clap::{Args, Subcommand};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

use super::Common;
use super::compose::{environment, load};
use super::exit::{CommandError, Exit};
use super::output::{Output, colour_on_stderr};
use crate::profile::{Problem, ProfileError, schema};
use crate::registry::{BrokenManifest, Registry};

const CHECK_EXAMPLES: &str = "\
Examples:
  cofferdam profile check
  cofferdam profile check --profile ./team.toml --json

Checks the profile with its COFFERDAM__… variables, and the manifests. Touches no vault.
Exit code 2 for a profile that is refused, 1 for a good one with a refused manifest.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  cofferdam profile schema > profile.schema.json

Name the file in a profile's first line, and editors complete and check it:
  #:schema ./profile.schema.json";

/// Check a profile, and print the schema of all profiles
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Check the profile: every problem at once, each with its place and what would be right
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Print the JSON Schema of a profile
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
}

/// `profile check` takes the common options alone.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {}

/// `profile schema` takes the common options alone.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {}

/// Runs one of them.
pub(crate) fn run(common: &Common, command: ProfileCommand, output: &Output) -> Result<Exit, CommandError> {
    match command {
        ProfileCommand::Check(CheckArgs {}) => check(common, *output),
        ProfileCommand::Schema(SchemaArgs {}) => {
            output.document(&schema());
            Ok(Exit::Success)
        }
    }
}

fn check(common: &Common, output: Output) -> Result<Exit, CommandError> {
    let (profile, manifests) = load(&common.profile, &environment([]))?;
    let registry = Registry::load(&profile.modules, &manifests);
    let broken = registry.broken();
    if output.is_json() {
        output.document(&json!({
            "profile": profile.name,
            "vaults": profile.vaults.iter().map(|vault| &vault.name).collect::<Vec<_>>(),
            "modules": profile.modules.iter().map(|module| &module.name).collect::<Vec<_>>(),
            "problems": profile.warnings,
            "manifest_problems": broken,
        }));
    } else {
        print_remarks(output, &profile.warnings, broken);
        let but = match broken.len() {
            0 => String::new(),
            refused => format!("; {} refused", counted(refused, "manifest")),
        };
        output.line(format_args!(
            "profile `{}` is good: {} and {}{but}",
            profile.name,
            counted(profile.vaults.len(), "vault"),
            counted(profile.modules.len(), "module"),
        ));
    }
    Ok(if broken.is_empty() { Exit::Success } else { Exit::Failure })
}

/// Prints what does not refuse a profile, but should be looked at: warnings, and manifests that were refused.
pub(super) fn print_remarks(output: Output, warnings: &[Problem], broken: &[BrokenManifest]) {
    for warning in warnings {
        output.remark(rendered(warning));
    }
    for manifest in broken {
        output.remark(format_args!("manifest refused: {manifest}"));
    }
}

/// Prints why a profile is refused: every problem at once.
pub(super) fn print_refused(output: Output, error: &ProfileError) {
    if output.is_json() {
        output.document(error);
        return;
    }
    for problem in &error.problems {
        output.remark(rendered(problem));
    }
    output.remark(error);
}

/// A problem as people read it: its place and what was found, and below it what would be right.
fn rendered(problem: &Problem) -> String {
    let theme = if colour_on_stderr() { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme).render_report(&mut text, &WithHelp(problem)) {
        Ok(()) => text.trim_end().trim_start_matches('\n').to_owned(),
        Err(fmt::Error) => problem.to_string(),
    }
}

/// A problem with its remedy apart.
#[derive(Debug)]
struct WithHelp<'a>(&'a Problem);

impl fmt::Display for WithHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.0.key.is_empty() { String::new() } else { format!("{}: ", self.0.key) };
        write!(f, "{}  {key}{}", self.0.place, self.0.message)
    }
}

impl std::error::Error for WithHelp<'_> {}

impl Diagnostic for WithHelp<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        self.0.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.0.remedy))
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
