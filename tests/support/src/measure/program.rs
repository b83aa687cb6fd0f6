//! The program that is measured.

use std::path::PathBuf;
use std::process::Command;

/// An executable that takes `serve` and its flags: `cofferdam`, or an example that calls `cofferdam::cli::main`.
#[derive(Debug, Clone)]
pub struct Program(pub PathBuf);

impl Program {
    /// `serve` on `profile`, with an empty environment but for `PATH`.
    pub(crate) fn serve(&self, profile: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["serve", "--profile"]).arg(profile).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }
}
