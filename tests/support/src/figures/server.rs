//! A server in a process of its own, and what the system says of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cofferdam_servers::Running;
use tokio::task::block_in_place;

use super::Failed;

/// How many ticks `/proc` has in a second, on every Linux that there is.
const TICKS: f64 = 100.0;

/// The program: one that takes `serve` and its flags.
#[derive(Debug, Clone)]
pub(crate) struct Program(pub(crate) PathBuf);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Running,
    log: File,
    /// Where and as whom it runs.
    pub(crate) at: Process,
    /// When it was spawned.
    pub(crate) spawned: Instant,
}

/// A process that serves MCP.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// The URL of `/mcp`.
    pub(crate) mcp: String,
    /// Its id.
    pub(crate) id: u32,
}

impl Program {
    /// `cofferdam serve` on `profile`, with `variables` and none of the machine's own but `PATH`.
    pub(crate) fn serve(&self, profile: &str, variables: &[(String, String)]) -> Command {
        let mut command = Command::new(&self.0);
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--profile",
            profile,
        ]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Server {
    /// Starts `command` in `folder`; returns when it has said its address. It logs as it does for everyone, into a file.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Result<Self, Failed> {
        let path = folder.join("server.log");
        // What is appended goes to the end wherever that is: the file can be emptied meanwhile.
        let log = File::options().create(true).append(true).open(&path)?;
        log.set_len(0)?;
        let spawned = Instant::now();
        let mut process = Running::start_logging(command.current_dir(folder), log.try_clone()?)?;
        let line = block_in_place(|| process.line());
        let url =
            line.as_deref().and_then(|line| line.split_whitespace().find(|word| word.starts_with("http://")));
        let Some(mcp) = url.map(str::to_owned) else {
            let said = fs::read_to_string(&path).unwrap_or_default();
            return Err(format!("{command:?} did not start: {said}").into());
        };
        let id = process.id();
        Ok(Self { process, log, at: Process { mcp, id }, spawned })
    }

    /// Waits until it has said everything that it says when it starts: its vaults have been looked at by then.
    pub(crate) fn greeted(&mut self) {
        block_in_place(
            || while self.process.line().is_some_and(|line| !line.starts_with("or, for a host")) {},
        );
    }

    /// Throws away what it has logged: minutes of load write many MiB.
    pub(crate) fn forget_log(&self) -> Result<(), Failed> {
        Ok(self.log.set_len(0)?)
    }
}

impl Process {
    /// How much memory it has, as `ps` says it, in bytes.
    pub(crate) fn resident(&self) -> Result<f64, Failed> {
        self.status("VmRSS:")
    }

    /// The most that it ever had.
    pub(crate) fn peak(&self) -> Result<f64, Failed> {
        self.status("VmHWM:")
    }

    /// How long it has had a processor.
    pub(crate) fn worked(&self) -> Result<Duration, Failed> {
        let stat = self.file("stat")?;
        // The name before it may hold blanks, and ends with the last bracket.
        let numbers = stat.rsplit(')').next().unwrap_or_default();
        let ticks: Vec<f64> =
            numbers.split_whitespace().skip(11).take(2).filter_map(|number| number.parse().ok()).collect();
        match ticks[..] {
            [user, system] => Ok(Duration::from_secs_f64((user + system) / TICKS)),
            _ => Err(format!("/proc/{}/stat has another form than Linux gives it", self.id).into()),
        }
    }

    fn status(&self, name: &str) -> Result<f64, Failed> {
        let status = self.file("status")?;
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        let kib: f64 = value.ok_or_else(|| format!("/proc/{}/status has no {name}", self.id))?.parse()?;
        Ok(kib * 1024.0)
    }

    fn file(&self, name: &str) -> Result<String, Failed> {
        let path = format!("/proc/{}/{name}", self.id);
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}; this needs Linux").into())
    }
}
