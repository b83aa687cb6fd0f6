//! `man`: the help of every command as a manual page.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use cofferdam_config::{quote, text};
use serde_json::json;

use super::exit::{CommandError, Exit};
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  cofferdam man | man -l -                           read the first page
  cofferdam man --out ~/.local/share/man/man1        all pages, one per command; then: man cofferdam-serve";

/// The first line of the examples in every command's help.
const HEADING: &str = "Examples:";

/// Print the first manual page, or write all of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// The folder for all pages. Created if it does not exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// Prints or writes the pages of `command`, the whole program.
pub(crate) fn run(args: &ManArgs, mut command: Command, output: Output) -> Result<Exit, CommandError> {
    command.build();
    let Some(out) = &args.out else {
        let page = page(&command).map_err(|error| {
            CommandError::failure(text!("cannot render the manual page: {error}"), "run the command again")
        })?;
        output.line(page.text.trim_end());
        return Ok(Exit::Success);
    };
    let written = write_all(&command, out).map_err(|error| {
        CommandError::failure(
            text!("cannot write the manual pages to {}: {error}", quote::path(out)),
            "pass --out a folder that this user can write to",
        )
    })?;
    if output.is_json() {
        output.document(&json!({ "pages": written }));
    } else {
        output.line(format_args!("wrote {} pages to {}", written.len(), out.display()));
    }
    Ok(Exit::Success)
}

/// The page of one command.
struct Page {
    file: String,
    text: String,
}

fn page(command: &Command) -> io::Result<Page> {
    // clap_mangen would merge the examples into one paragraph, so they get a section that is rendered here.
    let without_examples = command.clone().after_help(None::<&str>);
    let man = Man::new(without_examples)
        .source(concat!("cofferdam ", env!("CARGO_PKG_VERSION")))
        .manual("Cofferdam");
    let mut bytes = Vec::new();
    man.render(&mut bytes)?;
    if let Some(help) = command.get_after_help() {
        examples(&help.to_string()).to_writer(&mut bytes)?;
    }
    Ok(Page { file: man.get_filename(), text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// Renders indented lines verbatim, and all others as paragraphs.
fn examples(help: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    let mut verbatim = false;
    for line in help.lines().filter(|line| *line != HEADING) {
        let indented = line.starts_with(' ');
        if indented != verbatim {
            roff.control(if indented { "nf" } else { "fi" }, []);
            verbatim = indented;
        }
        if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line)]);
        }
    }
    if verbatim {
        roff.control("fi", []);
    }
    roff
}

/// Writes the pages of `command` and of all its subcommands. Returns their files.
fn write_all(command: &Command, out: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(out)?;
    let page = page(command)?;
    let file = out.join(page.file);
    fs::write(&file, page.text)?;
    let mut written = vec![file];
    for subcommand in command.get_subcommands() {
        written.extend(write_all(subcommand, out)?);
    }
    Ok(written)
}
