//! `secret`: the credentials of a module's accounts, in whichever vault the profile gives that module.

mod copy;
mod delete;
mod get;
mod input;
mod list;
mod set;
mod target;

pub(super) use target::Place;

use clap::Subcommand;

use super::Common;
use super::compose::{App, Interactivity};
use super::exit::{CommandError, Exit};
use super::output::Output;

/// Set, look at, copy and delete the credentials of accounts
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    Set(set::SetArgs),
    Get(get::GetArgs),
    List(list::ListArgs),
    Copy(copy::CopyArgs),
    Delete(delete::DeleteArgs),
}

/// Runs one of them.
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
        SecretCommand::Copy(args) => copy::run(common, &app, args, *output).await,
        SecretCommand::Delete(args) => delete::run(&app, args, *output).await,
    };
    app.calls.broker().close().await;
    exit
}
