//! `secret get`: which fields a credential has; their values only when asked for by name.

use clap::Args;
use cofferdam_vault::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::super::compose::App;
use super::super::exit::{CommandError, Exit};
use super::super::output::{Output, bad, good};
use super::target::{Place, Target};

const EXAMPLES: &str = "\
Examples:
  cofferdam secret get github/default             names and version
  cofferdam secret get github/default --reveal    values too: mind who looks over your shoulder
  cofferdam secret get github/default --json";

/// Show the fields of an account's credential: names and version, values only with --reveal
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GetArgs {
    /// Whose credential
    #[arg(value_name = "MODULE/ACCOUNT")]
    target: Target,
    /// Print the values too
    #[arg(long)]
    reveal: bool,
}

/// Prints the credential; exit 1 where it is absent, or lacks a field that the module needs.
pub(super) async fn run(app: &App, args: GetArgs, output: Output) -> Result<Exit, CommandError> {
    let place = Place::of(app, args.target)?;
    let Some(secret) = place.read().await.map_err(|error| place.failure(&error))? else {
        return Err(place.absent().await);
    };
    let missing: Vec<&str> =
        place.needs.iter().filter(|field| !secret.fields.contains_key(field)).map(|f| f.as_str()).collect();
    if output.is_json() {
        let values: Map<String, Value> = secret
            .fields
            .iter()
            .map(|(name, text)| (name.to_string(), json!(args.reveal.then(|| text.expose_secret()))))
            .collect();
        output.document(&json!({
            "module_account": place.target.to_string(), "vault": place.vault_name,
            "version": secret.version.as_str(), "fields": values, "missing": missing,
        }));
    } else {
        let mut table = output.table(&["field", if args.reveal { "value" } else { "state" }]);
        for (name, text) in &secret.fields {
            let cell = if args.reveal { text.expose_secret().into() } else { good("set") };
            table.add_row([name.as_str().into(), cell]);
        }
        for name in &missing {
            table.add_row([(*name).into(), bad("missing")]);
        }
        output.line(format_args!(
            "{} in vault {}, version {}\n{table}",
            place.target, place.vault_name, secret.version
        ));
    }
    match missing.is_empty() {
        true => Ok(Exit::Success),
        false if output.is_json() => Ok(Exit::Failure),
        false => Err(place.absent().await),
    }
}
