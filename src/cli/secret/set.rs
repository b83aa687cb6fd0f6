//! `secret set`: sets one field of a credential and keeps the others.

use clap::Args;
use cofferdam_config::suggestions::list;
use cofferdam_config::{quote, text};
use cofferdam_vault::{ErrorKind, Expect, FieldName, SecretFields, SecretString};
use serde_json::json;

use super::account_ref::AccountRef;
use super::input::read_value;
use super::location::{SecretLocation, write_refusal};
use crate::cli::compose::App;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::output::Output;

const EXAMPLES: &str = "\
Examples:
  cofferdam secret set github/default token             prompts on the terminal
  pass show github | cofferdam secret set github/default token
  cofferdam --profile airgap secret set notes/work password < password.txt

The other fields are kept, including concurrent changes of other writers.
If the file of an `age` vault does not exist, it is created.";

/// The maximum number of attempts if other writers change the secret at the same time.
const MAX_ATTEMPTS: usize = 5;

/// Set one field of an account's credential, from standard input or a hidden prompt
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetArgs {
    /// The account
    #[arg(value_name = "MODULE/ACCOUNT")]
    account: AccountRef,
    /// The field, for example `token`
    field: FieldName,
}

/// Sets the field.
pub(super) async fn run(app: &App, args: SetArgs, output: Output) -> Result<Exit, CommandError> {
    let location = SecretLocation::find(app, &args.account)?;
    if !location.required_fields.contains(&args.field) {
        return Err(CommandError::usage(
            text!(
                "the credential of {} has no field {}",
                location.account(),
                quote::string(args.field.as_str())
            ),
            text!("its fields are {}", list(location.required_fields.iter().map(FieldName::as_str))),
        ));
    }
    // Checked before the prompt, so that no one types a value that cannot be stored.
    if let Some(error) =
        write_refusal(&*location.vault, &location.path, std::slice::from_ref(&args.field)).await
    {
        return Err(location.error(&error));
    }
    let value = read_value(&format!("{} {}", location.account, args.field))?;
    let version = write(&location, &args.field, &value).await?;
    if output.is_json() {
        output.document(&json!({
            "module_account": location.account.to_string(), "field": args.field.as_str(),
            "vault": location.vault_name, "version": version,
        }));
    } else {
        output.line(format_args!(
            "set {} {} in vault {}, version {version}",
            location.account, args.field, location.vault_name
        ));
    }
    Ok(Exit::Success)
}

/// Reads the secret, sets the field and writes the secret back. Starts over if another writer was faster.
async fn write(
    location: &SecretLocation,
    field: &FieldName,
    value: &SecretString,
) -> Result<String, CommandError> {
    for attempts_left in (0..MAX_ATTEMPTS).rev() {
        let (mut fields, expect) = match location.read().await {
            Ok(Some(secret)) => (secret.fields, Expect::Version(secret.version)),
            Ok(None) => (SecretFields::new(), Expect::Absent),
            // The vault may be a file that the first write creates. If not, the write fails with the same error.
            Err(error) if error.kind() == ErrorKind::Misconfigured => (SecretFields::new(), Expect::Absent),
            Err(error) => return Err(location.error(&error)),
        };
        fields.insert(field.clone(), value.clone());
        match location.vault.write(&location.path, &fields, expect).await {
            Ok(version) => return Ok(version.to_string()),
            Err(error) if error.kind() == ErrorKind::Conflict && attempts_left > 0 => {}
            Err(error) => return Err(location.error(&error)),
        }
    }
    Err(CommandError::failure(
        text!("cannot set {}: other writers changed the secret during every attempt", location.account()),
        "run the command again when they have finished",
    ))
}
