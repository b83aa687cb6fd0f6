//! `secret delete`: removes a credential, all of its fields.

use clap::Args;
use cofferdam_vault::Expect;
use serde_json::json;

use super::super::compose::App;
use super::super::exit::{CommandError, Exit};
use super::super::output::Output;
use super::target::{Place, Target};

const EXAMPLES: &str = "\
Examples:
  cofferdam secret delete github/work

A secret that somebody else changes at the same moment stays.";

/// Delete an account's credential, all of its fields
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DeleteArgs {
    /// Whose credential
    #[arg(value_name = "MODULE/ACCOUNT")]
    target: Target,
}

/// Deletes the credential; exit 1 where there is none.
pub(super) async fn run(app: &App, args: DeleteArgs, output: Output) -> Result<Exit, CommandError> {
    let place = Place::of(app, args.target)?;
    let failure = |error| place.failure(&error);
    // A store that cannot be written says so itself, whatever it holds.
    let expect = match place.vault.info().capabilities.write {
        false => Expect::Any,
        true => match place.read().await.map_err(failure)? {
            Some(secret) => Expect::Version(secret.version),
            None => return Err(place.absent().await),
        },
    };
    place.vault.delete(&place.path, expect).await.map_err(failure)?;
    if output.is_json() {
        output.document(&json!({
            "module_account": place.target.to_string(), "vault": place.vault_name, "deleted": true,
        }));
    } else {
        output.line(format_args!("{} is deleted from vault {}", place.target, place.vault_name));
    }
    Ok(Exit::Success)
}
