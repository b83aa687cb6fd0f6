//! `secret set`: writes one field and leaves the others as they are.

use clap::Args;
use cofferdam_vault::{ErrorKind, Expect, FieldName, SecretFields, SecretString};
use serde_json::json;

use super::super::compose::App;
use super::super::exit::{CommandError, Exit};
use super::super::output::Output;
use super::input;
use super::target::{Place, Target, read_only};
use crate::names::listed;

const EXAMPLES: &str = "\
Examples:
  cofferdam secret set github/default token             asks for it on the terminal
  pass show github | cofferdam secret set github/default token
  cofferdam --profile airgap secret set notes/work password < password.txt

The other fields stay, and so does what somebody else changes at the same moment.
The file of an `age` vault that is not there is created.";

/// How often a write that lost a race is tried again with what won it.
const TRIES: usize = 5;

/// Set one field of an account's credential, from standard input or a hidden prompt
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetArgs {
    /// Whose credential
    #[arg(value_name = "MODULE/ACCOUNT")]
    target: Target,
    /// Which field of it, for example `token`
    field: FieldName,
}

/// Writes the field.
pub(super) async fn run(app: &App, args: SetArgs, output: Output) -> Result<Exit, CommandError> {
    let place = Place::of(app, args.target)?;
    if !place.needs.contains(&args.field) {
        return Err(CommandError::usage(
            format!("the credential of {} has no field `{}`", place.target, args.field),
            format!("its fields are: {}", listed(place.needs.iter().map(FieldName::as_str))),
        ));
    }
    // Before the question is asked: a value for nothing would have been typed.
    if let Some(error) = read_only(&*place.vault, &place.path, std::slice::from_ref(&args.field)).await {
        return Err(place.failure(&error));
    }
    let value = input::value(&format!("{} {}", place.target, args.field))?;
    let version = write(&place, &args.field, &value).await?;
    if output.is_json() {
        output.document(&json!({
            "module_account": place.target.to_string(), "field": args.field.as_str(),
            "vault": place.vault_name, "version": version,
        }));
    } else {
        output.line(format_args!(
            "{} {} is set in vault {}, version {version}",
            place.target, args.field, place.vault_name
        ));
    }
    Ok(Exit::Success)
}

/// Reads, changes, and writes if nobody else has written meanwhile; else begins anew.
async fn write(place: &Place, field: &FieldName, value: &SecretString) -> Result<String, CommandError> {
    for left in (0..TRIES).rev() {
        let (mut fields, expect) = match place.read().await {
            Ok(Some(secret)) => (secret.fields, Expect::Version(secret.version)),
            Ok(None) => (SecretFields::new(), Expect::Absent),
            // Perhaps a file that the first write creates. The write itself knows, and `Absent` harms nothing.
            Err(error) if error.kind() == ErrorKind::Misconfigured => (SecretFields::new(), Expect::Absent),
            Err(error) => return Err(place.failure(&error)),
        };
        fields.insert(field.clone(), value.clone());
        match place.vault.write(&place.path, &fields, expect).await {
            Ok(version) => return Ok(version.to_string()),
            Err(error) if error.kind() == ErrorKind::Conflict && left > 0 => {}
            Err(error) => return Err(place.failure(&error)),
        }
    }
    Err(CommandError::failure(
        format!("{} is being changed by others all the time", place.target),
        "try again when they are done",
    ))
}
