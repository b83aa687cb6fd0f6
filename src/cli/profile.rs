//! `profile check` and `profile schema`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Common;
use super::compose::{environment, load};
use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::profile::schema;
use crate::registry::Registry;

const CHECK_EXAMPLES: &str = "\
Examples:
  cofferdam profile check
  cofferdam profile check --profile ./team.toml --json

Checks the profile together with the COFFERDAM__… variables, and the manifests. Does not access any vault.
Exit code 2 if the profile is invalid, 1 if only a manifest is invalid.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  cofferdam profile schema > profile.schema.json

Refer to the file in the first line of a profile, and editors complete and check the profile:
  #:schema ./profile.schema.json";

/// Check a profile, or print the JSON Schema of profiles
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Check the profile, and report all problems with their location and a fix
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Print the JSON Schema of a profile
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
}

/// `profile check` accepts the common options only.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {}

/// `profile schema` accepts the common options only.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {}

/// Runs the subcommand.
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
        output.profile_warnings(&profile.warnings, broken);
        let unusable = match broken.len() {
            0 => String::new(),
            count => format!("; {} cannot be used", counted(count, "manifest")),
        };
        output.line(format_args!(
            "profile `{}` is valid: {}, {}{unusable}",
            profile.name,
            counted(profile.vaults.len(), "vault"),
            counted(profile.modules.len(), "module"),
        ));
    }
    Ok(if broken.is_empty() { Exit::Success } else { Exit::Failure })
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
