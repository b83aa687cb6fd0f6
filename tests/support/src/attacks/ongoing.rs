//! An attack in progress.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::AbortOnDropHandle;

use super::vault_proxy::Hanging;
use super::{Failed, attackers};

/// An attack in progress. Dropping it ends it: its attackers are gone, and their connections closed.
pub(crate) struct Ongoing {
    progress: Arc<Progress>,
    least: Least,
    attackers: Vec<AbortOnDropHandle<()>>,
    _hanging: Option<Hanging>,
}

/// From when on an attack is in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    /// The number of actions that have begun: connections opened, calls sent.
    pub(super) begun: usize,
    /// The number of actions that have ended.
    pub(super) ended: usize,
}

/// What the attackers have done so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    begun: AtomicUsize,
    ended: AtomicUsize,
    answers: Mutex<BTreeMap<String, usize>>,
}

impl Progress {
    /// Counts an action that begins.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts an action that has ended in this way.
    pub(super) fn end(&self, answer: String) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(answer).or_default() += 1;
    }
}

impl Ongoing {
    /// An attack without attackers yet.
    pub(super) fn new(least: Least) -> Self {
        Self { progress: Arc::default(), least, attackers: Vec::new(), _hanging: None }
    }

    /// The same attack, with a vault that hangs as long as the attack goes on.
    pub(super) fn with_hanging_vault(self, hanging: Hanging) -> Self {
        Self { _hanging: Some(hanging), ..self }
    }

    /// Where the attackers report.
    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Adds an attacker.
    ///
    /// # Errors
    ///
    /// If it has no threads.
    pub(super) fn add(&mut self, attacker: impl Future<Output = ()> + Send + 'static) -> Result<(), Failed> {
        self.attackers.push(attackers::spawn(attacker)?);
        Ok(())
    }

    /// Whether it has begun to its full extent.
    pub(crate) fn is_in_place(&self) -> bool {
        self.begun() >= self.least.begun && self.ended() >= self.least.ended
    }

    /// The number of actions that have begun.
    pub(crate) fn begun(&self) -> usize {
        self.progress.begun.load(Ordering::SeqCst)
    }

    /// The number of actions that have ended.
    pub(crate) fn ended(&self) -> usize {
        self.progress.ended.load(Ordering::SeqCst)
    }

    /// How the actions ended, with their numbers.
    pub(crate) fn answers(&self) -> BTreeMap<String, usize> {
        self.progress.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
