//! Parses the command line, and runs the command that it names.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use cofferdam_config::{quote, text};
use tracing::level_filters::LevelFilter;

#[cfg(all(feature = "age", feature = "env"))]
use super::demo;
use super::exit::{CommandError, Exit};
use super::logs::{self, Delivery, LogFormat};
use super::output::Output;
use super::{Common, call, client_config, completions, doctor, man, module, profile, secret, serve};

const ABOUT_LONG: &str = "\
An MCP server that lets a language model use many services without holding or seeing their credentials.

Every module (GitHub, …) has its credentials in a vault that the profile names. When a vault fails, only its modules are \
unavailable. They recover by themselves.";

const EXAMPLES: &str = "\
Examples:
  cofferdam demo                               see it work: no account, no network
  GITHUB_TOKEN=… cofferdam serve               serve the profile `dev` on loopback
  cofferdam serve --stdio --profile airgap     serve an MCP host that starts this process
  cofferdam call github get_authenticated_user call one tool and print its result
  cofferdam client-config cursor --write       connect an MCP host

Exit codes: 0 success, 1 failure, 2 wrong command line or profile.
Logs go to standard error. COFFERDAM_LOG filters them (`debug`, `cofferdam::broker=trace`); by default `serve` logs at `info`.
If something fails, run `cofferdam doctor`. docs/troubleshooting.md explains each error code.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version, about, long_about = ABOUT_LONG, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
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
    /// Returns the log settings. The level applies if `COFFERDAM_LOG` is not set.
    fn logs(&self) -> (LogFormat, LevelFilter, Delivery) {
        let level = match self {
            Self::Serve(serve) => return (serve.log_format, LevelFilter::INFO, Delivery::Queued),
            // The demo breaks a vault on purpose.
            #[cfg(all(feature = "age", feature = "env"))]
            Self::Demo(_) => LevelFilter::OFF,
            // The reason of a failure for the operator is only in the log; the result is written for the model.
            Self::Call(_) => LevelFilter::WARN,
            // Key files that other users can read are reported at this level.
            Self::Secret(_) => LevelFilter::WARN,
            _ => LevelFilter::ERROR,
        };
        (LogFormat::Text, level, Delivery::Immediate)
    }
}

/// Runs the command that the arguments of this process name, and returns its exit code.
///
/// Errors are printed. See [`Exit`] for the codes.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` also arrive here. If the output is closed, there is nowhere to report it.
            let error = without_secrets(error);
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let output = Output::new(cli.common.json);
    let exit = run(cli, &output).unwrap_or_else(|error| {
        output.command_error(&error);
        error.exit()
    });
    match exit {
        Exit::Success if output.is_incomplete() => Exit::Failure.into(),
        exit => exit.into(),
    }
}

/// Returns `error` with each argument that it repeats described, unless it may be quoted. A secret may have been passed where
/// another argument belongs.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    // In other errors this is one of our own arguments, as the help writes it.
    let names_ours = error.kind() != ErrorKind::UnknownArgument;
    let mut described = false;
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidValue, ContextKind::InvalidSubcommand] {
        let ours = names_ours && kind == ContextKind::InvalidArg;
        let Some(ContextValue::String(text)) = error.get(kind) else { continue };
        if ours || quote::is_quotable_path(text.trim_start_matches('-')) {
            continue;
        }
        let text = quote::string(text).to_string();
        error.insert(kind, ContextValue::String(text));
        described = true;
    }
    if described {
        // Repeats the argument.
        error.remove(ContextKind::Suggested);
    }
    error
}

fn run(cli: Cli, output: &Output) -> Result<Exit, CommandError> {
    // Must precede the first read of a secret, which almost every command does.
    let undumpable = crate::os::make_undumpable();
    let (format, level, delivery) = cli.command.logs();
    let cannot_start = |error| {
        CommandError::failure(
            text!("cannot start: the system provides no thread or timer: {error}"),
            "raise the limits of this process (`ulimit -u`, `ulimit -n`), and run the command again",
        )
    };
    let _logs = logs::start(format, level, delivery).map_err(cannot_start)?;
    if let Err(error) = undumpable {
        tracing::warn!(%error, "cannot prevent core dumps of this process");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(cannot_start)?;
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
            Command::Completions(args) => Ok(completions::run(&args, Cli::command(), *output)),
            Command::Man(args) => man::run(&args, Cli::command(), *output),
        }
    });
    // A thread that is blocked in an unresponsive file system must not keep the process alive.
    runtime.shutdown_background();
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_an_example() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            let leaf = command.get_subcommands().next().is_none();
            assert!(!leaf || command.get_after_help().is_some(), "{} has no example", command.get_name());
            for argument in command.get_arguments().filter(|a| !a.is_global_set()) {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
