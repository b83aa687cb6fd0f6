//! `completions`: the completion script of a shell.

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::Exit;
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  source <(cofferdam completions bash)                                            this shell
  cofferdam completions bash > ~/.local/share/bash-completion/completions/cofferdam
  cofferdam completions zsh > \"${fpath[1]}/_cofferdam\"
  cofferdam completions fish > ~/.config/fish/completions/cofferdam.fish";

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for `command`, the whole program.
pub(crate) fn run(args: &CompletionsArgs, mut command: Command, output: Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "cofferdam", &mut script);
    output.line(String::from_utf8_lossy(&script).trim_end());
    Exit::Success
}
