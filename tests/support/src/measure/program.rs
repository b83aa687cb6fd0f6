//! The program that is measured.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

/// An executable that takes `serve` and its flags: `cofferdam`, or an example that calls `cofferdam::cli::main`.
#[derive(Debug, Clone)]
pub struct Program(pub PathBuf);

impl Program {
    /// `serve` on `profile`, with an empty environment but for `PATH`.
    pub(crate) fn serve(&self, profile: impl AsRef<OsStr>) -> Command {
        self.serve_through(&[], profile)
    }

    /// As [`Program::serve`], with `wrapper` before the program: the words of a command that executes the words after it.
    pub(crate) fn serve_through(&self, wrapper: &[OsString], profile: impl AsRef<OsStr>) -> Command {
        let mut words = wrapper.iter().map(OsString::as_os_str).chain([self.0.as_os_str()]);
        // There is the program at least.
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(["serve", "--profile"]).arg(profile).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }
}
