//! MCP's public conformance suite, run against a server, and its results compared with a baseline.
//!
//! ```no_run
//! use cofferdam_servers::{Baseline, Verdict, conformance};
//! let found = conformance()?.run("http://127.0.0.1:7080/mcp", "2025-11-25")?;
//! let verdict = Baseline::read("", &["2025-11-25"]).unwrap().judge("2025-11-25", &found);
//! println!("{}", Verdict::table("mine", &[verdict]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baseline;
mod verdict;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

pub use baseline::Baseline;
pub use verdict::Verdict;

use crate::cache::Unavailable;
use crate::clients;
use crate::npm::{self, Packages};

/// The timeout of one scenario, in milliseconds. The slowest needs a few seconds.
const SCENARIO_TIMEOUT_MS: &str = "30000";

/// How long all scenarios may take. They need half a minute.
const SUITE_TIMEOUT: Duration = Duration::from_secs(300);

/// What it is, for a message.
const WHAT: &str = "MCP's conformance suite";

/// What to do if it is installed and does not run.
const REMEDY: &str = "check that the server under test responds and that the cache folder is complete";

/// npm `@modelcontextprotocol/conformance`, as `conformance/package.json` pins it, and the Node.js that runs it.
#[derive(Debug)]
pub struct Conformance {
    node: PathBuf,
    program: PathBuf,
}

/// What one scenario found.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The scenario's name.
    pub name: String,
    /// Its checks, each once: of one that ran several times, the worst.
    pub checks: Vec<Check>,
}

/// One check of a scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its name within the scenario.
    pub id: String,
    /// How it ended.
    pub status: Status,
    /// Why it did not pass.
    pub error_message: Option<String>,
}

/// How a check ended, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It says something, and checks nothing.
    Info,
    /// It passed.
    Success,
    /// The suite found no way to try it.
    Skipped,
    /// What should be so is not.
    Warning,
    /// What must be so is not.
    Failure,
}

/// The suite.
///
/// # Errors
///
/// If there is no `npm`, or its registry cannot be reached.
pub fn conformance() -> Result<Conformance, Unavailable> {
    let dir = npm::installed(Packages {
        name: "conformance",
        what: WHAT,
        json: include_str!("../../conformance/package.json"),
        lock: include_str!("../../conformance/package-lock.json"),
    })?;
    Ok(Conformance {
        node: clients::node_clients()?.node,
        program: dir.join("node_modules/@modelcontextprotocol/conformance/dist/index.js"),
    })
}

impl Conformance {
    /// Runs every scenario that `revision` has for servers against the one at `url`.
    ///
    /// # Errors
    ///
    /// If the suite does not run to its end. The suite stops a scenario that hangs, which counts as a failed check.
    pub fn run(&self, url: &str, revision: &str) -> Result<Vec<Scenario>, Unavailable> {
        let names = self.scenarios(revision)?;
        let dir = tempfile::tempdir().map_err(|error| failed(&error))?;
        self.suite(url, revision, dir.path()).map_err(|error| failed(&error))?;
        let scenario = |name: String| {
            let checks = results(dir.path(), &name).map_or_else(|why| vec![broken(&why)], worst);
            Scenario { name, checks }
        };
        Ok(names.into_iter().map(scenario).collect())
    }

    /// The names of the scenarios that `revision` has for servers.
    fn scenarios(&self, revision: &str) -> Result<Vec<String>, Unavailable> {
        let mut list = self.command();
        list.args(["list", "--server", "--spec-version", revision]);
        let output = list.output().map_err(|error| failed(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        // `  - name [revisions]`
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("  - ")?.split(' ').next())
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(failed(&format!("it lists no scenario for {revision}: {text}{stderr}")));
        }
        Ok(names)
    }

    /// Runs all scenarios, one after the other; the results are in folders below `dir`.
    fn suite(&self, url: &str, revision: &str, dir: &Path) -> io::Result<()> {
        let log = dir.join("log.txt");
        let output = File::create(&log)?;
        let mut command = self.command();
        command.args(["server", "--url", url, "--suite", "all", "--spec-version", revision]);
        command.args(["--timeout", SCENARIO_TIMEOUT_MS]).arg("--output-dir").arg(dir);
        command.stderr(output.try_clone()?).stdout(output);
        if bounded(&mut command, SUITE_TIMEOUT)?.is_some() {
            return Ok(());
        }
        let log = fs::read_to_string(&log).unwrap_or_default();
        let last = log.lines().rev().find(|line| line.starts_with("===")).unwrap_or("none");
        Err(io::Error::other(format!(
            "not done after {} s; the last scenario: {last}",
            SUITE_TIMEOUT.as_secs()
        )))
    }

    /// The suite, without the machine's environment and without access to other machines.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.node);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
        command.arg("--require").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/loopback.cjs"));
        command.arg(&self.program);
        command
    }
}

/// The suite did not run.
fn failed(why: &dyn std::fmt::Display) -> Unavailable {
    Unavailable::new(WHAT, why, REMEDY)
}

/// Waits for the end of `command`; after `limit` it kills it, and has no status.
fn bounded(command: &mut Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// The checks of one scenario, which are in a folder named after it and the time.
fn results(dir: &Path, name: &str) -> io::Result<Vec<Check>> {
    let prefix = format!("server-{name}-");
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let folder = entry.file_name().to_string_lossy().into_owned();
        let time = folder.strip_prefix(&prefix);
        if time.is_some_and(|time| time.starts_with(|first: char| first.is_ascii_digit())) {
            let text = fs::read_to_string(entry.path().join("checks.json"))?;
            return serde_json::from_str(&text).map_err(io::Error::other);
        }
    }
    Err(io::Error::other("the suite left no result"))
}

/// A scenario that did not get to its checks.
fn broken(why: &io::Error) -> Check {
    Check { id: "run".into(), status: Status::Failure, error_message: Some(why.to_string()) }
}

/// Each check once, as it ended at its worst.
fn worst(checks: Vec<Check>) -> Vec<Check> {
    let mut once: BTreeMap<String, Check> = BTreeMap::new();
    for check in checks {
        match once.get(&check.id) {
            Some(known) if known.status >= check.status => {}
            _ => {
                once.insert(check.id.clone(), check);
            }
        }
    }
    once.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_check_that_ran_twice_the_worst_counts() {
        let check = |status| Check { id: "c".into(), status, error_message: None };
        for order in [[Status::Success, Status::Failure], [Status::Failure, Status::Success]] {
            let once = worst(order.map(check).into());
            assert_eq!((once.len(), once[0].status), (1, Status::Failure));
        }
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let node = clients::node_clients().unwrap().node;
        let run = |script: &str, limit| bounded(Command::new(&node).args(["--eval", script]), limit).unwrap();
        assert!(run("setTimeout(() => {}, 1e9)", Duration::ZERO).is_none());
        assert!(run("", SUITE_TIMEOUT).unwrap().success());
    }

    #[test]
    fn the_suite_gets_no_farther_than_loopback() {
        let node = clients::node_clients().unwrap().node;
        let suite = Conformance { node, program: "--eval".into() };
        let fetched = |url: &str| {
            let script =
                format!("fetch('{url}').catch(error => console.log(error.cause?.message ?? error.message))");
            let output = suite.command().arg(script).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        for url in ["http://192.0.2.1/", "https://example.invalid/", "http://[2001:db8::1]/"] {
            assert!(fetched(url).contains("loopback only"), "{url}: {}", fetched(url));
        }
        for url in ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/"] {
            let said = fetched(url);
            assert!(!said.is_empty() && !said.contains("loopback only"), "{url}: {said}");
        }
    }
}
