//! `client-config`: connects an MCP host, with a snippet to paste or by editing the host's own file.

mod file;
mod host;
mod merge;
mod transport;

use std::path::PathBuf;

use clap::{Args, ValueHint};
use cofferdam_config::{quote, text};
use serde_json::json;

use super::Common;
use super::compose::{environment, load, nameable_anywhere};
use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::profile::Profile;
use file::HostFile;
pub(super) use host::Host;
use merge::merge;
pub(super) use transport::Transport;

const EXAMPLES: &str = "\
Examples:
  cofferdam client-config cursor                           print the snippet to paste
  cofferdam client-config vscode --write                   write it into the user's own file
  cofferdam client-config claude-desktop --write --profile ./team.toml
  cofferdam client-config claude-code --stdio --write --file .mcp.json
  cofferdam client-config inspector > mcp.json             a file for its `--config`

Over HTTP the host calls the running `cofferdam serve` at `server.listen` of the profile. With --stdio the host starts a \
server of its own, which sees the environment of the host and not this one. Put the variables that the profile needs (a token, \
COFFERDAM__…) into `env` of the entry, or name a `.env` file in the profile. The entry names the profile such that it is the \
same one in every folder.

--write changes the entry `cofferdam` only. Everything else in the file stays, including comments if the host accepts them. \
The previous file is kept next to it as `NAME.cofferdam.bak`. An invalid file is not changed.
Exit code 1 if the host's file is invalid or cannot be read or written.";

/// Print the snippet that connects an MCP host to this server, or write it into the host's own file
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClientConfigArgs {
    /// The MCP host
    #[arg(value_enum)]
    host: Host,
    /// Let the host start this program itself instead of calling a running `cofferdam serve`
    #[arg(long)]
    stdio: bool,
    /// Write the entry into the host's own file for this user, and keep a backup
    #[arg(long)]
    write: bool,
    /// Write to this file instead, for example to the file of a project
    #[arg(long, value_name = "PATH", requires = "write", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
}

/// Prints the snippet, or writes it. Does not access any vault.
pub(crate) fn run(common: &Common, args: &ClientConfigArgs, output: Output) -> Result<Exit, CommandError> {
    let (profile, _) = load(&common.profile, &environment([]))?;
    output.profile_warnings(&profile.warnings, &[]);
    let transport = transport(args, &profile)?;
    if args.write {
        return write(args, &transport, output);
    }
    output.document(&args.host.snippet(&transport));
    if let (Some(file), false) = (args.host.file(), output.is_json()) {
        output.note(format_args!("Paste it into {}, or run the command with --write.", file.display()));
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
            "`server.listen` of the profile has port 0, so the port of the server is not known in advance",
            "give it a port, or let the host start the server with --stdio",
        ));
    }
    Ok(Transport::http(listen))
}

fn write(args: &ClientConfigArgs, transport: &Transport, output: Output) -> Result<Exit, CommandError> {
    let host = args.host;
    let path = args.file.clone().or_else(|| host.file()).ok_or_else(|| {
        CommandError::usage(
            text!("the file of {} is unknown: this user has no home folder", host.title()),
            "name the file with --file",
        )
    })?;
    let file = HostFile::read(&path)?;
    let text = merge(file.text()?, host, &host.entry(transport)).map_err(|error| {
        let help = "fix it, or name another file with --file; the file was not changed";
        CommandError::failure(text!("{}{error}", quote::path(&path)), help)
    })?;
    let backup = match &text {
        Some(text) => file.replace(text)?,
        None => None,
    };
    if output.is_json() {
        output.document(&json!({ "file": path, "changed": text.is_some(), "backup": backup }));
        return Ok(Exit::Success);
    }
    let (title, path) = (host.title(), path.display());
    if text.is_none() {
        output.line(format_args!("{title} is already connected by {path}; nothing was changed"));
        return Ok(Exit::Success);
    }
    let then = match transport {
        Transport::Http { .. } => "restart it and keep `cofferdam serve` running",
        Transport::Stdio { .. } => "restart it",
    };
    output.line(format_args!("{title} is connected by {path}; {then}"));
    if let Some(backup) = &backup {
        output.line(format_args!("Backup: {}", backup.display()));
    }
    Ok(Exit::Success)
}
