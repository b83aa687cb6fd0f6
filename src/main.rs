//! The binary `cofferdam`: arguments to command, errors to exit codes; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    cofferdam::cli::main()
}
