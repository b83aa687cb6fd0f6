//! The server under test: a process of its own, as an operator starts it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use cofferdam_servers::Running;
use serde_json::Value;
use tokio::task::block_in_place;

use super::{Failed, Program};

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Running,
    client: reqwest::Client,
    /// The URL of `/mcp`.
    pub(crate) mcp: String,
    /// The URL of the operator's listener, without a slash at the end.
    pub(crate) admin: String,
}

/// A period in which the breaker of a vault was open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenPeriod {
    pub(crate) from: SystemTime,
    /// `None` if it never closed.
    pub(crate) to: Option<SystemTime>,
}

impl Server {
    /// Starts it on `profile`; returns once it has printed its addresses.
    pub(crate) fn start(program: &Program, profile: &Path, client: reqwest::Client) -> Result<Self, Failed> {
        Self::launch(&mut program.serve(profile), client)
    }

    /// Starts `command`, which ends with `serve` and its flags.
    pub(crate) fn launch(command: &mut Command, client: reqwest::Client) -> Result<Self, Failed> {
        // A log line for each call would be measured, too.
        command.args(["--log-format", "json"]).env("COFFERDAM_LOG", "warn,cofferdam::broker=info");
        let mut process = Running::start(command).map_err(|error| format!("{command:?}: {error}"))?;
        let (mut mcp, mut admin) = (None, None);
        block_in_place(|| {
            while let (None, Some(line)) = (&admin, process.line()) {
                let url = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
                match line.starts_with("admin:") {
                    true => admin = url,
                    false => mcp = mcp.take().or(url),
                }
            }
        });
        match (mcp, admin) {
            (Some(mcp), Some(admin)) => Ok(Self { process, client, mcp, admin }),
            _ => Err(format!("the server did not start:\n{}", process.stderr()).into()),
        }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether the process still runs.
    pub(crate) fn is_running(&mut self) -> Result<bool, Failed> {
        Ok(self.process.is_running()?)
    }

    /// How many of `vaults` are ready, by the admin server's `/readyz`.
    pub(crate) async fn ready(&self, vaults: impl Fn(&str) -> bool) -> Result<usize, Failed> {
        let url = format!("{}/readyz", self.admin);
        let answer: Value = self.client.get(url).timeout(Duration::from_secs(5)).send().await?.json().await?;
        let found = answer["vaults"].as_array().into_iter().flatten();
        let ready = |vault: &&Value| {
            vault["name"].as_str().is_some_and(&vaults) && vault["state"].as_str() == Some("ready")
        };
        Ok(found.filter(ready).count())
    }

    /// When the breaker of `vault` was open, by the server's log.
    pub(crate) fn open_periods(&self, vault: &str) -> Vec<OpenPeriod> {
        let mut periods: Vec<OpenPeriod> = Vec::new();
        for line in self.process.stderr().lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            let at = event["timestamp"].as_str().and_then(|text| humantime::parse_rfc3339_weak(text).ok());
            let Some(at) = at.filter(|_| event["vault"] == vault) else { continue };
            let message = event["message"].as_str().unwrap_or_default();
            if message.starts_with(&format!("vault {vault} is down: ")) {
                periods.push(OpenPeriod { from: at, to: None });
            } else if message == format!("vault {vault} is reachable again")
                && let Some(last) = periods.last_mut()
            {
                last.to = Some(at);
            }
        }
        periods
    }
}
