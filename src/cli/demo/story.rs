//! What happens in the demo, step by step, and whether each step was as promised.

use std::time::{Duration, Instant};

use cofferdam_vault::{Expect, SecretFields};
use serde::Serialize;

use super::agent::{Agent, Seen};
use super::service::{ECHO, Service, Tokens};
use super::world::World;
use crate::caller::Caller;
use crate::cli::compose::{Composed, Person};
use crate::cli::exit::Failure;
use crate::cli::serve::running::{Exposure, Running};
use crate::profile::Overrides;

/// How long the mended vault may take to come back: it is looked at four times a second.
const RECOVERY: Duration = Duration::from_secs(10);

/// How often its module is called meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// What a module's side of a step came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    /// Its call went well.
    Answers,
    /// Its call failed, with this code.
    Fails(String),
    /// So many of its answers were searched, and so many of them gave a token away.
    Searched {
        /// All of them.
        answers: usize,
        /// Those with a token.
        leaks: usize,
    },
}

impl Side {
    fn of(seen: &Seen) -> Self {
        seen.error.clone().map_or(Self::Answers, Self::Fails)
    }
}

/// One step, as it went.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// What was done.
    pub(super) done: &'static str,
    /// What the module with the `env` vault answered.
    pub(super) tickets: Side,
    /// What the module with the `age` vault answered.
    pub(super) notes: Side,
    /// What was promised.
    pub(super) promised: &'static str,
    /// Whether it was so.
    pub(super) kept: bool,
    /// How long it took, in milliseconds.
    pub(super) ms: u128,
}

/// Plays the whole story.
///
/// # Errors
///
/// Where a step could not be played at all; a step that went otherwise than promised is an answer.
pub(super) async fn tell() -> Result<Vec<Step>, Failure> {
    let tokens = Tokens::new();
    let service = Service::start(tokens.clone()).await.map_err(|error| world_failure(&error))?;
    let world = World::make(service.address, &tokens).map_err(|error| world_failure(&error))?;
    let profile = world.profile().display().to_string();
    let composed = Composed::with_layers(&profile, &Overrides::default(), Person::Nobody)?;
    write_notes(&composed, &tokens).await?;
    let running = Running::start(&composed, Exposure::LoopbackOnly).await?;
    running.look_at_vaults().await;
    let agent = Agent::connect(running.address).await.map_err(story_failure)?;
    let steps = play(&agent, &world, &tokens).await;
    agent.close().await;
    running.stop().await;
    drop(service);
    world.remove().map_err(|error| world_failure(&error))?;
    steps
}

async fn play(agent: &Agent, world: &World, tokens: &Tokens) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    let mut seen = Vec::new();

    let started = Instant::now();
    let both = Both::ask(agent).await?;
    let kept = both.tickets.error.is_none() && both.notes.error.is_none();
    steps.push(both.step("call both modules", "both answer", kept, started));
    seen.push(both);

    let started = Instant::now();
    let broken = world.break_notes().map_err(|error| world_failure(&error))?;
    let both = Both::ask(agent).await?;
    let kept = both.tickets.error.is_none() && both.notes.error.as_deref() == Some("module_unavailable");
    steps.push(both.step("break the age vault, call both", "only notes goes dark", kept, started));
    seen.push(both);

    let started = Instant::now();
    broken.mend().map_err(|error| world_failure(&error))?;
    let both = loop {
        let both = Both::ask(agent).await?;
        if both.notes.error.is_none() || started.elapsed() > RECOVERY {
            break both;
        }
        seen.push(both);
        tokio::time::sleep(ASK_AGAIN).await;
    };
    let kept = both.tickets.error.is_none() && both.notes.error.is_none();
    steps.push(both.step("mend it, call both", "notes is back by itself", kept, started));
    seen.push(both);

    let started = Instant::now();
    let leaks_in =
        |side: fn(&Both) -> &Seen| seen.iter().filter(|both| tokens.leak_in(&side(both).raw)).count();
    let (in_tickets, in_notes) = (leaks_in(|both| &both.tickets), leaks_in(|both| &both.notes));
    steps.push(Step {
        done: "search answers for tokens",
        tickets: Side::Searched { answers: seen.len(), leaks: in_tickets },
        notes: Side::Searched { answers: seen.len(), leaks: in_notes },
        promised: "none, though echoed",
        kept: in_tickets + in_notes == 0 && seen.iter().all(|both| both.tickets.raw.contains(ECHO)),
        ms: started.elapsed().as_millis(),
    });
    Ok(steps)
}

/// What both modules answered, asked one after the other.
#[derive(Debug)]
struct Both {
    tickets: Seen,
    notes: Seen,
}

impl Both {
    async fn ask(agent: &Agent) -> Result<Self, Failure> {
        let tickets = agent.list("tickets").await.map_err(story_failure)?;
        let notes = agent.list("notes").await.map_err(story_failure)?;
        Ok(Self { tickets, notes })
    }

    fn step(&self, done: &'static str, promised: &'static str, kept: bool, started: Instant) -> Step {
        let ms = started.elapsed().as_millis();
        Step { done, tickets: Side::of(&self.tickets), notes: Side::of(&self.notes), promised, kept, ms }
    }
}

/// Writes the notes' token into the age file, which this creates, the way `secret set` does.
async fn write_notes(composed: &Composed, tokens: &Tokens) -> Result<(), Failure> {
    let (Some((vault, path)), Ok(field)) =
        (composed.calls.broker().store(&Caller::local(), "notes", "default"), "token".parse())
    else {
        return Err(story_failure("the module `notes` was not taken up".into()));
    };
    let fields = SecretFields::from([(field, tokens.notes.clone())]);
    let written = vault.write(&path, &fields, Expect::Absent).await;
    written.map(drop).map_err(|error| story_failure(error.message().into()))
}

fn story_failure(message: String) -> Failure {
    Failure::bad(message, "COFFERDAM_LOG=debug shows more")
}

fn world_failure(error: &std::io::Error) -> Failure {
    Failure::bad(
        format!("the demo's surroundings cannot be made: {error}"),
        "it needs a writable temporary folder (TMPDIR) and a free port on loopback",
    )
}
