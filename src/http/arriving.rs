//! Large requests whose bodies are arriving, and which of them is given up for another one.
//!
//! The body of a large request takes memory as it arrives. One that arrives slowly would hold that for as long as it may,
//! and a few of them would keep out all other large requests. So a body that finds no memory gets that of the one of the same
//! caller that began first, unless this began less than [`GRACE`] ago. Slow bodies are not given up while there is memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::memory_budget::{Pool, Reservation};

/// How long a body may arrive before it can be given up. The largest one takes as long at 34 Mbit/s.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The large bodies that are arriving.
#[derive(Debug, Default)]
pub(super) struct ArrivingBodies {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_number: u64,
    /// In the order in which they began.
    bodies: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    caller: Caller,
    since: Instant,
    given_up: CancellationToken,
    ended: CancellationToken,
}

/// A body that is arriving, until this is dropped. That must be after its memory.
#[derive(Debug)]
pub(super) struct Arrival {
    bodies: Arc<ArrivingBodies>,
    number: u64,
    given_up: CancellationToken,
    ended: CancellationToken,
}

impl ArrivingBodies {
    /// Adds a body of `caller`.
    pub(super) fn add(self: &Arc<Self>, caller: &Caller) -> Arrival {
        let (given_up, ended) = (CancellationToken::new(), CancellationToken::new());
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        let entry = Entry {
            caller: caller.clone(),
            since: Instant::now(),
            given_up: given_up.clone(),
            ended: ended.clone(),
        };
        state.bodies.insert(number, entry);
        Arrival { bodies: Arc::clone(self), number, given_up, ended }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    /// Takes memory for `caller`, whose body this is. If there is none, gives up other bodies. Returns `None` if there are
    /// none to give up.
    pub(super) async fn take(
        &self,
        pool: &Arc<Pool<Caller>>,
        caller: &Caller,
        bytes: u64,
    ) -> Option<Reservation<Caller>> {
        loop {
            if let Ok(memory) = pool.take(caller, bytes) {
                return Some(memory);
            }
            // It ends at once, and waits for nothing that this one holds.
            self.give_up_first(caller)?.cancelled().await;
        }
    }

    /// Gives up the first body of `caller`, unless that is this one or began a moment ago. Returns what is cancelled once its
    /// memory is free.
    fn give_up_first(&self, caller: &Caller) -> Option<CancellationToken> {
        let mut state = self.bodies.lock();
        let (&number, first) = state.bodies.iter().find(|(_, entry)| entry.caller == *caller)?;
        if number == self.number || first.since.elapsed() < GRACE {
            return None;
        }
        let first = state.bodies.remove(&number)?;
        first.given_up.cancel();
        Some(first.ended)
    }

    /// Waits until the body is given up.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let entry = self.bodies.lock().bodies.remove(&self.number);
        drop(entry);
        self.ended.cancel();
    }
}
