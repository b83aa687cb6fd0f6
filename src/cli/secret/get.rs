//! `secret get`: the fields of a credential, with their values only on request.

use clap::Args;
use cofferdam_vault::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::account_ref::AccountRef;
use super::location::SecretLocation;
use crate::cli::compose::App;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::output::Output;
use crate::cli::table::{self, green, red};

const EXAMPLES: &str = "\
Examples:
  cofferdam secret get github/default             field names and version
  cofferdam secret get github/default --reveal    with the values, in plain text
  cofferdam secret get github/default --json";

/// Show the fields of an account's credential: names and version, values only with --reveal
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GetArgs {
    /// The account
    #[arg(value_name = "MODULE/ACCOUNT")]
    account: AccountRef,
    /// Print the values too
    #[arg(long)]
    reveal: bool,
}

/// Prints the credential. Fails if it is absent, or lacks a field that the module needs.
pub(super) async fn run(app: &App, args: GetArgs, output: Output) -> Result<Exit, CommandError> {
    let location = SecretLocation::find(app, &args.account)?;
    let shown = location.read_to_show().await.map_err(|error| location.error(&error))?;
    let Some((secret, unusable)) = shown else { return Err(location.absent().await) };
    if let Some(error) = unusable {
        output.note(format_args!(
            "other fields are not shown: vault `{}`: {}",
            location.vault_name,
            error.message()
        ));
    }
    let missing: Vec<&str> = location
        .required_fields
        .iter()
        .filter(|field| !secret.fields.contains_key(field))
        .map(|field| field.as_str())
        .collect();
    if output.is_json() {
        let values: Map<String, Value> = secret
            .fields
            .iter()
            .map(|(name, value)| (name.to_string(), json!(args.reveal.then(|| value.expose_secret()))))
            .collect();
        output.document(&json!({
            "module_account": location.account.to_string(), "vault": location.vault_name,
            "version": secret.version.as_str(), "fields": values, "missing": missing,
        }));
    } else {
        let mut table = table::new(&["field", if args.reveal { "value" } else { "state" }]);
        for (name, value) in &secret.fields {
            let cell = if args.reveal { value.expose_secret().into() } else { green("set") };
            table.add_row([name.as_str().into(), cell]);
        }
        for name in &missing {
            table.add_row([(*name).into(), red("missing")]);
        }
        output.line(format_args!(
            "{} in vault {}, version {}\n{table}",
            location.account, location.vault_name, secret.version
        ));
    }
    match missing.is_empty() {
        true => Ok(Exit::Success),
        false if output.is_json() => Ok(Exit::Failure),
        false => Err(location.absent().await),
    }
}
