//! The steps of the demo, each with its expected result.

use std::time::{Duration, Instant};

use cofferdam_config::{Text, text};
use cofferdam_vault::{Expect, SecretFields};
use serde::Serialize;

use super::client::{CallResult, Client};
use super::environment::Environment;
use super::service::{ECHO, Service, Tokens};
use crate::caller::Caller;
use crate::cli::compose::{App, Interactivity};
use crate::cli::exit::CommandError;
use crate::cli::running_server::{ListenScope, RunningServer};
use crate::profile::Overrides;

/// The time that the vault has to recover. It is probed four times a second.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two calls while the vault recovers.
const CALL_INTERVAL: Duration = Duration::from_millis(50);

/// The result of a step for one module.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModuleResult {
    /// The call succeeded.
    #[serde(rename = "answers")]
    Ok,
    /// The call failed, with this code.
    #[serde(rename = "fails")]
    Error(String),
    /// The results of all calls were searched for tokens.
    Searched {
        /// The number of results.
        #[serde(rename = "answers")]
        results: usize,
        /// The number of results that contain a token.
        leaks: usize,
    },
}

impl From<&CallResult> for ModuleResult {
    fn from(result: &CallResult) -> Self {
        result.error.clone().map_or(Self::Ok, Self::Error)
    }
}

/// A step that was run.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// What was done.
    #[serde(rename = "done")]
    pub(super) action: &'static str,
    /// The result of the module with the `env` vault.
    pub(super) tickets: ModuleResult,
    /// The result of the module with the `age` vault.
    pub(super) notes: ModuleResult,
    /// The expected result.
    #[serde(rename = "promised")]
    pub(super) expected: &'static str,
    /// Whether the result was as expected.
    #[serde(rename = "kept")]
    pub(super) passed: bool,
    /// The duration, in milliseconds.
    pub(super) ms: u128,
}

/// Runs all steps.
///
/// # Errors
///
/// Returns a failure if a step could not be run. An unexpected result is not an error; see [`Step::passed`].
pub(super) async fn run() -> Result<Vec<Step>, CommandError> {
    let tokens = Tokens::generate();
    let service = Service::start(tokens.clone()).await.map_err(|error| environment_error(&error))?;
    let environment =
        Environment::new(service.address, &tokens).map_err(|error| environment_error(&error))?;
    let profile = environment.profile().display().to_string();
    let app = App::load_with_overrides(&profile, &Overrides::default(), Interactivity::NonInteractive)?;
    write_notes_token(&app, &tokens).await?;
    let server = RunningServer::start(&app, ListenScope::Loopback).await?;
    server.probe_vaults().await;
    let client = Client::connect(server.address).await.map_err(client_error)?;
    let steps = run_steps(&client, &environment, &tokens).await;
    client.close().await;
    server.stop().await;
    drop(service);
    environment.remove().map_err(|error| environment_error(&error))?;
    steps
}

async fn run_steps(
    client: &Client,
    environment: &Environment,
    tokens: &Tokens,
) -> Result<Vec<Step>, CommandError> {
    let mut steps = Vec::new();
    let mut calls = Vec::new();

    let started = Instant::now();
    let both = BothCalls::run(client).await?;
    let passed = both.tickets.error.is_none() && both.notes.error.is_none();
    steps.push(both.step("call both modules", "both succeed", passed, started));
    calls.push(both);

    let started = Instant::now();
    let broken = environment.break_notes_vault().map_err(|error| environment_error(&error))?;
    let both = BothCalls::run(client).await?;
    let passed = both.tickets.error.is_none() && both.notes.error.as_deref() == Some("module_unavailable");
    steps.push(both.step("break the age vault, call both", "only notes fails", passed, started));
    calls.push(both);

    let started = Instant::now();
    broken.restore().map_err(|error| environment_error(&error))?;
    let both = loop {
        let both = BothCalls::run(client).await?;
        if both.notes.error.is_none() || started.elapsed() > RECOVERY_TIMEOUT {
            break both;
        }
        calls.push(both);
        tokio::time::sleep(CALL_INTERVAL).await;
    };
    let passed = both.tickets.error.is_none() && both.notes.error.is_none();
    steps.push(both.step("restore it, call both", "notes has recovered", passed, started));
    calls.push(both);

    steps.push(search_for_tokens(&calls, tokens));
    Ok(steps)
}

/// Searches all results for tokens. Without the header that the service echoes, the search would prove nothing.
fn search_for_tokens(calls: &[BothCalls], tokens: &Tokens) -> Step {
    let started = Instant::now();
    let leaks = |module: fn(&BothCalls) -> &CallResult| {
        calls.iter().filter(|both| tokens.occur_in(&module(both).raw)).count()
    };
    let (in_tickets, in_notes) = (leaks(|both| &both.tickets), leaks(|both| &both.notes));
    let echoed = calls.iter().all(|both| both.tickets.raw.contains(ECHO));
    Step {
        action: "search results for tokens",
        tickets: ModuleResult::Searched { results: calls.len(), leaks: in_tickets },
        notes: ModuleResult::Searched { results: calls.len(), leaks: in_notes },
        expected: "none, though echoed",
        passed: in_tickets + in_notes == 0 && echoed,
        ms: started.elapsed().as_millis(),
    }
}

/// One call of each module.
#[derive(Debug)]
struct BothCalls {
    tickets: CallResult,
    notes: CallResult,
}

impl BothCalls {
    async fn run(client: &Client) -> Result<Self, CommandError> {
        let tickets = client.list("tickets").await.map_err(client_error)?;
        let notes = client.list("notes").await.map_err(client_error)?;
        Ok(Self { tickets, notes })
    }

    fn step(&self, action: &'static str, expected: &'static str, passed: bool, started: Instant) -> Step {
        let (tickets, notes) = ((&self.tickets).into(), (&self.notes).into());
        Step { action, tickets, notes, expected, passed, ms: started.elapsed().as_millis() }
    }
}

/// Writes the token of `notes` to its vault, as `secret set` does. The write creates the age file.
async fn write_notes_token(app: &App, tokens: &Tokens) -> Result<(), CommandError> {
    let (Some((vault, path)), Ok(field)) =
        (app.calls.broker().store(&Caller::local(), "notes", "default"), "token".parse())
    else {
        return Err(step_error("the module `notes` was not loaded"));
    };
    let fields = SecretFields::from([(field, tokens.notes.clone())]);
    let written = vault.write(&path, &fields, Expect::Absent).await;
    written.map(drop).map_err(|error| step_error(text!("{error}")))
}

/// The error of the demo's own client: what it calls and what it sends are the demo's, too.
fn client_error(message: String) -> CommandError {
    step_error(Text::unchecked(message))
}

fn step_error(message: impl Into<Text>) -> CommandError {
    CommandError::failure(message, "run the demo with COFFERDAM_LOG=debug to see more")
}

fn environment_error(error: &std::io::Error) -> CommandError {
    CommandError::failure(
        text!("cannot set up the demo: {error}"),
        "it needs a writable temporary folder (TMPDIR) and a free port on loopback",
    )
}
