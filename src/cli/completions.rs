//! `completions`: what a shell needs to complete commands, options and their fixed values.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::exit::Exit;
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  source <(cofferdam completions bash)                                            this shell
  cofferdam completions bash > ~/.local/share/bash-completion/completions/cofferdam
  cofferdam completions zsh > \"${fpath[1]}/_cofferdam\"
  cofferdam completions fish > ~/.config/fish/completions/cofferdam.fish";

/// Print a shell's completions
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints them.
pub(crate) fn run(args: &CompletionsArgs, output: Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cofferdam", &mut script);
    output.line(String::from_utf8_lossy(&script).trim_end());
    Exit::Success
}
