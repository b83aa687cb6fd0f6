//! The command line: one file or folder per command.
//!
//! [`command_line`] parses the arguments and runs the command they name. The commands share [`compose`], which builds the
//! application from a profile, [`output`] for what they print, [`exit`] for how they end, and [`logs`].

mod call;
mod client_config;
mod color;
mod command_line;
mod common;
mod completions;
mod compose;
#[cfg(all(feature = "age", feature = "env"))] // the backends of its two vaults
mod demo;
mod diagnostics;
mod doctor;
mod exit;
mod hint;
mod logs;
mod man;
mod module;
mod module_status;
mod output;
mod profile;
mod progress;
mod prompt;
mod running_server;
mod secret;
mod serve;
mod table;

pub use command_line::main;

use common::Common;
