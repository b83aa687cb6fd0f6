//! `secret list`: every account of the profile, and whether its credential is present.

use clap::Args;
use cofferdam_config::Diagnostics;
use cofferdam_vault::{Scope, Stage};
use serde::Serialize;

use super::location::SecretLocation;
use crate::caller::Caller;
use crate::cli::compose::App;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::output::Output;
use crate::cli::table::{self, green, keep_words, red, yellow};

const EXAMPLES: &str = "\
Examples:
  cofferdam secret list
  cofferdam secret list github --json

Exit code 1 if a credential is absent or its vault cannot be read.";

/// List the accounts of the profile's modules, and whether their credentials are present
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// List the accounts of this module only
    module: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    module: String,
    account: String,
    vault: String,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The secret has every field that the module needs.
    Present,
    /// The secret does not exist, or lacks a field.
    Absent,
    /// The vault cannot be read.
    Unreadable,
}

/// Prints the accounts.
pub(super) async fn run(app: &App, args: ListArgs, output: Output) -> Result<Exit, CommandError> {
    let caller = Caller::local();
    let registry = app.calls.registry();
    let modules: Vec<_> = match &args.module {
        Some(name) => vec![app.module(name)?.loaded()?],
        None => registry.modules(&caller).collect(),
    };
    let mut rows = Vec::new();
    for module in modules {
        for account in &module.accounts {
            let location = SecretLocation::in_module(app, module, &account.name)?;
            rows.push(row(&location, &module.name, &account.name).await);
        }
    }
    let complete = rows.iter().all(|row| row.state == State::Present);
    if output.is_json() {
        output.document(&rows);
    } else {
        let mut table = table::new(&["module", "account", "vault", "credential"]);
        for row in &rows {
            let reason = row.reason.as_deref().unwrap_or_default();
            let state = match row.state {
                State::Present => green("present"),
                State::Absent => yellow(format!("absent: {reason}")),
                State::Unreadable => red(format!("cannot read the vault: {reason}")),
            };
            table.add_row([(&row.module).into(), (&row.account).into(), (&row.vault).into(), state]);
        }
        output.line(keep_words(table));
        if args.module.is_none() {
            output.profile_warnings(&Diagnostics::new(), registry.broken());
        }
    }
    Ok(if complete { Exit::Success } else { Exit::Failure })
}

async fn row(location: &SecretLocation, module: &str, account: &str) -> Row {
    let read = location.vault.read(&location.path, &location.required_fields, Stage::Current).await;
    let (state, version, reason) = match read {
        Ok(secret) => (State::Present, Some(secret.version.to_string()), None),
        Err(error) => {
            let state = if error.scope() == Scope::Secret { State::Absent } else { State::Unreadable };
            (state, None, Some(error.message().to_owned()))
        }
    };
    Row {
        module: module.into(),
        account: account.into(),
        vault: location.vault_name.clone(),
        state,
        version,
        reason,
    }
}
