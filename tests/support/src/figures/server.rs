//! A server in a process of its own, and what the system reports about it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cofferdam_servers::Running;
use tokio::task::block_in_place;

use super::environments::Environment;
use super::{Failed, Program};
use crate::measure::{ProcessStatus, processor_time};

/// A running server.
#[derive(Debug)]
pub struct Server {
    running: Running,
    log: File,
    /// Its URL and its process.
    pub process: Process,
    /// When it was spawned.
    pub(crate) spawned: Instant,
}

/// A process that serves MCP.
#[derive(Debug, Clone)]
pub struct Process {
    /// The URL of `/mcp`.
    pub mcp: String,
    /// The process id.
    pub id: u32,
}

impl Environment {
    /// `serve` in this environment, on free ports.
    pub fn serve(&self, program: &Program) -> Command {
        let mut command = program.serve(self.profile);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Server {
    /// Starts `command` in `folder` and returns once it has printed its address. It logs into a file, as much as by default.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start(command: &mut Command, folder: &Path) -> Result<Self, Failed> {
        let path = folder.join("server.log");
        // Appending follows the end of the file, also after it has been truncated.
        let log = File::options().create(true).append(true).open(&path)?;
        log.set_len(0)?;
        let spawned = Instant::now();
        let mut running = Running::start_logging(command.current_dir(folder), log.try_clone()?)?;
        let line = block_in_place(|| running.line());
        let url =
            line.as_deref().and_then(|line| line.split_whitespace().find(|word| word.starts_with("http://")));
        let Some(mcp) = url.map(str::to_owned) else {
            let log = fs::read_to_string(&path).unwrap_or_default();
            return Err(format!("{command:?} did not start: {log}").into());
        };
        let id = running.id();
        Ok(Self { running, log, process: Process { mcp, id }, spawned })
    }

    /// Waits for the end of the startup banner, which is printed after the vaults have been probed.
    pub(crate) fn wait_for_banner(&mut self) {
        block_in_place(
            || while self.running.line().is_some_and(|line| !line.starts_with("or, for a host")) {},
        );
    }

    /// Empties its log: minutes of load write many MiB.
    pub(crate) fn truncate_log(&self) -> Result<(), Failed> {
        Ok(self.log.set_len(0)?)
    }
}

impl Process {
    /// Resident memory, as `ps` reports it, in bytes.
    pub(crate) fn resident(&self) -> Result<f64, Failed> {
        Ok(ProcessStatus::read(self.id)?.resident_kib()? as f64 * 1024.0)
    }

    /// The most resident memory so far, in bytes.
    pub(crate) fn peak(&self) -> Result<f64, Failed> {
        Ok(ProcessStatus::read(self.id)?.peak_kib()? as f64 * 1024.0)
    }

    /// The processor time that it has used.
    pub(crate) fn processor_time(&self) -> Result<Duration, Failed> {
        processor_time(self.id)
    }
}
