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
use super::compose::{Composed, Person};
use super::exit::{Exit, Failure};
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
pub(crate) async fn run(common: &Common, command: SecretCommand, output: &Output) -> Result<Exit, Failure> {
    let composed = Composed::of(common, Person::AtTheTerminal)?;
    let exit = match command {
        SecretCommand::Set(args) => set::run(&composed, args, *output).await,
        SecretCommand::Get(args) => get::run(&composed, args, *output).await,
        SecretCommand::List(args) => list::run(&composed, args, *output).await,
        SecretCommand::Copy(args) => copy::run(common, &composed, args, *output).await,
        SecretCommand::Delete(args) => delete::run(&composed, args, *output).await,
    };
    composed.calls.broker().close().await;
    exit
}
