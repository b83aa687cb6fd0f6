//! The fill: one task of the compartment reads one secret for everybody who misses it.
//!
//! The task is the compartment's own. Whoever started it may go away like everybody else, and a fill that nobody waits
//! for any more still ends within its deadline and leaves its answer in the cache.
//!
//! One fill per secret is *registered*: those who miss the secret join it, and only it may change the cache. A read that
//! a rejection forces takes the registration over, so that the answer of an older read, which may have left the vault
//! before the secret changed, reaches those who waited for it and never the cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::{Stage, VaultError};
use tokio::time::Instant;

use super::pending::Pending;
use super::wanted::{Confirmed, Wanted};
use super::{Compartment, deadline, refusal};

/// What a fill answers.
pub(super) type Answer = Result<Confirmed, VaultError>;

/// The fills that run.
#[derive(Debug, Default)]
pub(super) struct Fills(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    registered: HashMap<Arc<Wanted>, (u64, Pending<Answer>)>,
    /// Counts up, so that a fill knows whether it is still the registered one.
    last_number: u64,
    /// How many run, registered or not.
    count: usize,
}

impl Fills {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Compartment {
    /// The answer of the fill for `wanted`: of the one that runs, else of a new one.
    ///
    /// # Errors
    ///
    /// `Unavailable` where `max_waiting` fills run already, or the compartment is closing.
    pub(super) fn fill(self: &Arc<Self>, wanted: &Arc<Wanted>) -> Result<Pending<Answer>, VaultError> {
        let mut running = self.fills.lock();
        // A fill may have ended since the caller looked.
        if let Some(answer) = self.cache.fresh(wanted, Instant::now()) {
            return Ok(Pending::ready(answer));
        }
        match running.registered.get(wanted) {
            Some((_, pending)) => Ok(pending.clone()),
            None => self.start_fill(&mut running, wanted),
        }
    }

    /// The answer of a fill that starts now, whatever the cache holds and whatever else runs.
    ///
    /// # Errors
    ///
    /// As [`Compartment::fill`].
    pub(super) fn fill_anew(self: &Arc<Self>, wanted: &Arc<Wanted>) -> Result<Pending<Answer>, VaultError> {
        self.start_fill(&mut self.fills.lock(), wanted)
    }

    fn start_fill(
        self: &Arc<Self>,
        running: &mut Running,
        wanted: &Arc<Wanted>,
    ) -> Result<Pending<Answer>, VaultError> {
        if self.closing.is_cancelled() {
            return Err(refusal("the server is shutting down"));
        }
        // Callers that leave make room for others, but their fills run on: these have a bound of their own.
        if running.count >= self.walls.max_waiting {
            return Err(deadline::queue_full(self.walls.max_waiting));
        }
        running.count += 1;
        running.last_number += 1;
        let number = running.last_number;
        let registration = Registration { of: Arc::clone(self), wanted: Arc::clone(wanted), number };
        let pending = Pending::spawn(&self.tasks, async move {
            let answer = registration.of.read(&registration.wanted, Stage::Current).await;
            let answer = answer.map(|secret| registration.wanted.confirmed(secret, Stage::Current));
            registration.commit(&answer);
            answer
        });
        running.registered.insert(Arc::clone(wanted), (number, pending.clone()));
        Ok(pending)
    }
}

/// A fill's entry among those that run; it ends with the fill, a panic included.
struct Registration {
    of: Arc<Compartment>,
    wanted: Arc<Wanted>,
    number: u64,
}

impl Registration {
    /// Hands the answer to the cache, unless a newer fill has taken over.
    fn commit(&self, answer: &Answer) {
        let running = self.of.fills.lock();
        if running.holds(self) {
            self.of.cache.store(&self.wanted, answer);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut running = self.of.fills.lock();
        running.count -= 1;
        if running.holds(self) {
            running.registered.remove(&self.wanted);
        }
    }
}

impl Running {
    fn holds(&self, registration: &Registration) -> bool {
        self.registered.get(&registration.wanted).is_some_and(|(number, _)| *number == registration.number)
    }
}
