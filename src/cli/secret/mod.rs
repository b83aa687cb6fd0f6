//! `secret`: manages the credentials of accounts, in the vault that the profile gives each module.

mod account_ref;
mod copy;
mod delete;
mod get;
mod input;
mod list;
mod location;
mod set;

pub(super) use location::{SecretLocation, write_refusal};

use clap::Subcommand;

use super::Common;
use super::compose::{App, Interactivity};
use super::exit::{CommandError, Exit};
use super::output::Output;

/// Set, show, copy and delete the credentials of accounts
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    Set(set::SetArgs),
    Get(get::GetArgs),
    List(list::ListArgs),
    Copy(copy::CopyArgs),
    Delete(delete::DeleteArgs),
}

/// Runs the subcommand.
pub(crate) async fn run(
    common: &Common,
    command: SecretCommand,
    output: &Output,
) -> Result<Exit, CommandError> {
    let app = App::load(common, Interactivity::Interactive)?;
    let exit = match command {
        SecretCommand::Set(args) => set::run(&app, args, *output).await,
        SecretCommand::Get(args) => get::run(&app, args, *output).await,
        SecretCommand::List(args) => list::run(&app, args, *output).await,
        SecretCommand::Copy(args) => copy::run(&app, args, *output).await,
        SecretCommand::Delete(args) => delete::run(&app, args, *output).await,
    };
    app.calls.broker().close().await;
    exit
}
