//! `secret list`: every account of the profile, and whether its credential is there.

use clap::Args;
use serde::Serialize;

use super::super::compose::Composed;
use super::super::exit::{Exit, Failure};
use super::super::output::{Output, bad, fair, good, keep_words};
use super::super::profile::print_remarks;
use super::target::Place;
use crate::caller::Caller;

const EXAMPLES: &str = "\
Examples:
  cofferdam secret list
  cofferdam secret list github --json

Exit code 1 where a credential is absent or its vault cannot be read.";

/// List the accounts of the profile's modules, and whether each one's credential is there
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only this module's accounts
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
    /// Every field that the module needs is there.
    Present,
    /// The secret is absent, or lacks a field.
    Absent,
    /// The vault cannot be read.
    Unreadable,
}

/// Prints the accounts.
pub(super) async fn run(composed: &Composed, args: ListArgs, output: Output) -> Result<Exit, Failure> {
    let caller = Caller::local();
    let registry = composed.calls.registry();
    let modules: Vec<_> = match &args.module {
        Some(name) => vec![composed.module(name)?.offer()?],
        None => registry.modules(&caller).collect(),
    };
    let mut rows = Vec::new();
    for module in modules {
        for account in &module.accounts {
            rows.push(
                row(&Place::in_module(composed, module, &account.name)?, &module.name, &account.name).await,
            );
        }
    }
    let exit = if rows.iter().all(|row| row.state == State::Present) { Exit::Good } else { Exit::Bad };
    if output.is_json() {
        output.document(&rows);
    } else {
        let mut table = output.table(&["module", "account", "vault", "credential"]);
        for row in &rows {
            let why = row.reason.as_deref().unwrap_or_default();
            let state = match row.state {
                State::Present => good("present"),
                State::Absent => fair(format!("absent: {why}")),
                State::Unreadable => bad(format!("vault cannot be read: {why}")),
            };
            table.add_row([(&row.module).into(), (&row.account).into(), (&row.vault).into(), state]);
        }
        output.line(keep_words(table));
        if args.module.is_none() {
            print_remarks(output, &[], registry.broken());
        }
    }
    Ok(exit)
}

async fn row(place: &Place, module: &str, account: &str) -> Row {
    let (state, version, reason) =
        match place.vault.read(&place.path, &place.needs, cofferdam_vault::Stage::Current).await {
            Ok(secret) => (State::Present, Some(secret.version.to_string()), None),
            Err(error) => {
                let secret = error.scope() == cofferdam_vault::Scope::Secret;
                let state = if secret { State::Absent } else { State::Unreadable };
                (state, None, Some(error.message().to_owned()))
            }
        };
    Row {
        module: module.into(),
        account: account.into(),
        vault: place.vault_name.clone(),
        state,
        version,
        reason,
    }
}
