//! The load: `wrk`, which needs so little that the servers have the processors.
//!
//! The load is closed: each connection sends its next call after the response to the previous one, so a faster server gets
//! more calls.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::Failed;
use super::issue_service::PROOF;
use super::plan::CONNECTIONS;

/// What it does with each call and response.
const SCRIPT: &str = include_str!("post.lua");

/// `wrk`, ready to run.
#[derive(Debug)]
pub(super) struct Wrk {
    program: PathBuf,
    folder: tempfile::TempDir,
}

/// How the calls ended.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Load {
    /// The number of calls with a response.
    pub(super) calls: u64,
    seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    /// Responses that were not the right one.
    pub(super) wrong: u64,
    /// Calls without a response.
    pub(super) errors: u64,
}

impl Load {
    /// Calls per second.
    pub(super) fn rate(&self) -> f64 {
        self.calls as f64 / self.seconds
    }
}

impl Wrk {
    pub(super) fn new() -> Result<Self, Failed> {
        let (program, folder) = (cofferdam_servers::wrk()?, tempfile::tempdir()?);
        std::fs::write(folder.path().join("post.lua"), SCRIPT)?;
        Ok(Self { program, folder })
    }

    /// Calls `tool` of the MCP server at `url` with `arguments`, for as long as `span`, which is in whole seconds.
    pub(super) async fn run(
        &self,
        url: &str,
        tool: &str,
        arguments: &Value,
        span: Duration,
    ) -> Result<Load, Failed> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": tool, "arguments": arguments } });
        let mut command = Command::new(&self.program);
        command.arg("--threads=1").arg(format!("--connections={CONNECTIONS}"));
        command.arg(format!("--duration={}s", span.as_secs())).arg("--timeout=10s");
        command.arg("--script").arg(self.folder.path().join("post.lua")).arg(url).arg("--");
        let output = command.arg(body.to_string()).arg(PROOF).kill_on_drop(true).output().await?;
        let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !said.is_empty() {
            return Err(format!("calls of {url} failed; one response: {said}").into());
        }
        let line = text.lines().find(|line| line.starts_with('{'));
        Ok(serde_json::from_str(line.ok_or_else(|| format!("wrk found nothing: {text}"))?)?)
    }
}
