//! The commands, one file each. What they share: [`exit`], [`output`], [`logs`], and [`compose`], which puts the
//! parts of the program together for all of them.

mod call;
mod client_config;
mod completions;
mod compose;
#[cfg(all(feature = "age", feature = "env"))] // its two vaults
mod demo;
mod doctor;
mod exit;
mod logs;
mod man;
mod module;
mod module_status;
mod output;
mod profile;
mod progress;
mod prompt;
mod secret;
mod serve;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueHint};

use tracing::level_filters::LevelFilter;

use exit::{CommandError, Exit};
use logs::{Delivery, LogFormat};
use output::Output;

const ABOUT_LONG: &str = "\
An MCP server that lets a language model use many services without holding, or seeing, their credentials.

Every module (GitHub, …) has its credentials in a vault that the profile names. When one vault fails, only its \
modules go dark; they come back by themselves.";

const EXAMPLES: &str = "\
Examples:
  cofferdam demo                               see it work: no account, no network
  GITHUB_TOKEN=… cofferdam serve               serve the profile `dev` on loopback
  cofferdam serve --stdio --profile airgap     serve an MCP host that starts this process
  cofferdam call github get_authenticated_user call one tool and print its answer
  cofferdam client-config cursor --write       connect an MCP host

Exit codes: 0 good, 1 the thing asked about is bad, 2 usage or profile.
Logs go to standard error; COFFERDAM_LOG filters them (`debug`, `cofferdam::broker=trace`).
Without it `serve` logs from `info`.
Something fails: `cofferdam doctor`, and docs/troubleshooting.md has each error code.";

/// What stands on the command line.
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version, about, long_about = ABOUT_LONG, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// The options that every command takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The profile: a name (`profiles/NAME.toml` below the working directory, else the copy inside the binary, which
    /// `embedded:NAME` names in any case), or a file (anything with a slash or `.toml`)
    #[arg(long, global = true, value_name = "NAME|FILE", default_value = "dev", value_hint = ValueHint::FilePath)]
    profile: String,
    /// Print one JSON document for a program instead of text for a person
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    #[cfg(all(feature = "age", feature = "env"))]
    Demo(demo::DemoArgs),
    Call(call::CallArgs),
    #[command(subcommand)]
    Module(module::ModuleCommand),
    Doctor(doctor::DoctorArgs),
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    ClientConfig(client_config::ClientConfigArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    /// How it logs where `COFFERDAM_LOG` says nothing: what a person waits for is not mixed with what a server tells.
    fn logs(&self) -> (LogFormat, LevelFilter, Delivery) {
        let level = match self {
            Self::Serve(serve) => return (serve.log_format, LevelFilter::INFO, Delivery::Queued),
            // It breaks a vault on purpose.
            #[cfg(all(feature = "age", feature = "env"))]
            Self::Demo(_) => LevelFilter::OFF,
            // The operator's reason stands in the log: the answer is the model's.
            Self::Call(_) => LevelFilter::WARN,
            // A key file that others can read is reported there.
            Self::Secret(_) => LevelFilter::WARN,
            _ => LevelFilter::ERROR,
        };
        (LogFormat::Text, level, Delivery::AtOnce)
    }
}

/// Runs the command that the process's arguments name.
///
/// Panics never by itself; a failure is printed, and its kind is the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with their own code. A closed output is no news to anyone.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let output = Output::new(cli.common.json);
    let exit = run(cli, &output).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    });
    match exit {
        Exit::Success if output.is_lost() => Exit::Failure.into(),
        exit => exit.into(),
    }
}

fn run(cli: Cli, output: &Output) -> Result<Exit, CommandError> {
    // Before anything can be read that must not be dumped. Every command but the schema's may hold a secret.
    let undumpable = crate::os::make_undumpable();
    let (format, level, delivery) = cli.command.logs();
    let no_threads = |error| {
        CommandError::failure(
            format!("the system gives no threads or timers: {error}"),
            "free some, and try again",
        )
    };
    let _logs = logs::start(format, level, delivery).map_err(no_threads)?;
    if let Err(error) = undumpable {
        tracing::warn!(%error, "core dumps of this process cannot be prevented here");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(no_threads)?;
    let exit = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve::run(&cli.common, args, output).await,
            #[cfg(all(feature = "age", feature = "env"))]
            Command::Demo(args) => demo::run(args, output).await,
            Command::Call(args) => call::run(&cli.common, args, output).await,
            Command::Module(command) => module::run(&cli.common, command, output).await,
            Command::Doctor(args) => doctor::run(&cli.common, args, output).await,
            Command::Secret(command) => secret::run(&cli.common, command, output).await,
            Command::Profile(command) => profile::run(&cli.common, command, output),
            Command::ClientConfig(args) => client_config::run(&cli.common, &args, *output),
            Command::Completions(args) => Ok(completions::run(&args, *output)),
            Command::Man(args) => man::run(&args, *output),
        }
    });
    // A thread that hangs in a dead file system must not keep the process alive.
    runtime.shutdown_background();
    exit
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_an_example() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            let leaf = command.get_subcommands().next().is_none();
            assert!(!leaf || command.get_after_help().is_some(), "{} shows no example", command.get_name());
            for argument in command.get_arguments().filter(|a| !a.is_global_set()) {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
