//! `client-config`: connects an MCP host, by a snippet to paste or by writing the host's own file.

mod file;
mod host;
mod merge;
mod transport;

use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::json;

use super::Common;
use super::compose::{environment, load, nameable_anywhere};
use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::profile::Profile;
use file::HostFile;
pub(super) use host::Host;
use merge::merged;
pub(super) use transport::Transport;

const EXAMPLES: &str = "\
Examples:
  cofferdam client-config cursor                           print what to paste
  cofferdam client-config vscode --write                   or put it into the user's own file
  cofferdam client-config claude-desktop --write --profile ./team.toml
  cofferdam client-config claude-code --stdio --write --file .mcp.json
  cofferdam client-config inspector > mcp.json             its `--config` takes that

Over HTTP the host calls the running `cofferdam serve` at the profile's `server.listen`. With --stdio it starts a server \
of its own, and its environment counts, not this one's: hand on what the profile needs (a token's variable, COFFERDAM__…) \
in the entry's `env`, or name a `.env` file in the profile. Give it a profile of a file where that names further files: \
those of a profile inside the binary are looked for in whatever folder the host starts it.

--write changes the entry `cofferdam` alone; all else in the file stays, comments too where the host takes them. What it \
replaces is kept beside it as `NAME.cofferdam.bak`. A file that is wrong is left as it is.
Exit code 1 where the host's file is wrong, or cannot be read or written.";

/// Print what connects an MCP host to this server, or write it into the host's own file
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClientConfigArgs {
    /// The MCP host
    #[arg(value_enum)]
    host: Host,
    /// Let the host start this program itself, instead of calling the server that `serve` runs
    #[arg(long)]
    stdio: bool,
    /// Write it into the host's own file for this user, and keep a backup
    #[arg(long)]
    write: bool,
    /// The file to write instead, for example a project's
    #[arg(long, value_name = "PATH", requires = "write", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
}

/// Prints the snippet, or writes it. Touches no vault.
pub(crate) fn run(common: &Common, args: &ClientConfigArgs, output: Output) -> Result<Exit, CommandError> {
    let (profile, _) = load(&common.profile, &environment([]))?;
    let transport = transport(args, &profile)?;
    if args.write {
        return write(args, &transport, output);
    }
    output.document(&args.host.snippet(&transport));
    if let (Some(file), false) = (args.host.file(), output.is_json()) {
        output.remark(format_args!("belongs into {}; `--write` puts it there", file.display()));
    }
    Ok(Exit::Success)
}

fn transport(args: &ClientConfigArgs, profile: &Profile) -> Result<Transport, CommandError> {
    if args.stdio || args.host.starts_its_servers() {
        return Transport::stdio(&nameable_anywhere(profile));
    }
    let listen = profile.server.listen;
    if listen.port() == 0 {
        return Err(CommandError::usage(
            "the profile's `server.listen` takes any free port, so no host can know it",
            "give it a port, or let the host start the server with --stdio",
        ));
    }
    Ok(Transport::http(listen))
}

fn write(args: &ClientConfigArgs, transport: &Transport, output: Output) -> Result<Exit, CommandError> {
    let host = args.host;
    let path = args.file.clone().or_else(|| host.file()).ok_or_else(|| {
        CommandError::usage(
            format!("where {} keeps its servers is not known: there is no home folder", host.title()),
            "name the file with --file",
        )
    })?;
    let file = HostFile::read(&path)?;
    let text = merged(file.text()?, host, &host.entry(transport)).map_err(|refused| {
        let help = "mend it, or name another file with --file; nothing was changed";
        CommandError::failure(format!("{}{refused}", path.display()), help)
    })?;
    let backup = match &text {
        Some(text) => file.replace(text)?,
        None => None,
    };
    if output.is_json() {
        output.document(&json!({ "file": path, "changed": text.is_some(), "backup": backup }));
        return Ok(Exit::Success);
    }
    let path = path.display();
    match (&text, &backup) {
        (None, _) => output.line(format_args!("{path} has it already")),
        (Some(_), None) => output.line(format_args!("{path} is new; it connects {}", host.title())),
        (Some(_), Some(backup)) => {
            output.line(format_args!("{path} connects {}; as it was: {}", host.title(), backup.display()));
        }
    }
    Ok(Exit::Success)
}
