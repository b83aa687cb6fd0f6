//! `secret delete`: deletes a credential with all of its fields.

use clap::Args;
use cofferdam_vault::Expect;
use serde_json::json;

use super::account_ref::AccountRef;
use super::location::SecretLocation;
use crate::cli::compose::App;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::output::Output;

const EXAMPLES: &str = "\
Examples:
  cofferdam secret delete github/work

If another writer changes the secret at the same time, it is not deleted.";

/// Delete the credential of an account, with all of its fields
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DeleteArgs {
    /// The account
    #[arg(value_name = "MODULE/ACCOUNT")]
    account: AccountRef,
}

/// Deletes the credential. Fails if it does not exist.
pub(super) async fn run(app: &App, args: DeleteArgs, output: Output) -> Result<Exit, CommandError> {
    let location = SecretLocation::find(app, &args.account)?;
    let failure = |error| location.error(&error);
    // A read-only store refuses any deletion with the better message, whether or not the secret exists.
    let expect = match location.vault.info().capabilities.write {
        false => Expect::Any,
        true => match location.read().await.map_err(failure)? {
            Some(secret) => Expect::Version(secret.version),
            None => return Err(location.absent().await),
        },
    };
    location.vault.delete(&location.path, expect).await.map_err(failure)?;
    if output.is_json() {
        output.document(&json!({
            "module_account": location.account.to_string(), "vault": location.vault_name, "deleted": true,
        }));
    } else {
        output.line(format_args!("deleted {} from vault {}", location.account, location.vault_name));
    }
    Ok(Exit::Success)
}
