//! Logs the changes of a compartment's state.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::cache::Cache;
use super::client::{CircuitObserver, CircuitStatus};
use super::state::{CompartmentState, Status};

/// Writes the operator's messages about one vault.
pub(super) struct StateLog {
    vault: String,
    cache: Arc<Cache>,
    probe_interval: Duration,
    last: Mutex<CompartmentState>,
}

impl StateLog {
    /// A log for `vault`, whose secrets are in `cache`.
    pub(super) fn new(vault: String, cache: Arc<Cache>, probe_interval: Duration) -> Self {
        Self { vault, cache, probe_interval, last: Mutex::new(CompartmentState::Ready) }
    }

    fn status(&self, circuit: CircuitStatus) -> Status {
        Status::new(circuit, self.cache.servable_until(), Instant::now())
    }

    /// Remembers `state`. Returns whether it is another one than before.
    fn changed(&self, state: CompartmentState) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, state) != state
    }
}

impl CircuitObserver for StateLog {
    fn opened(&self, circuit: CircuitStatus) {
        self.cache.recount();
        let Status { state, reason, .. } = self.status(circuit);
        let (vault, reason) = (&self.vault, reason.unwrap_or_default());
        self.changed(state);
        tracing::warn!(
            vault, %state, %reason,
            "vault {vault} is down: {reason}; checked again every {:?}", self.probe_interval
        );
    }

    fn still_open(&self, circuit: CircuitStatus) {
        let Status { state, reason, .. } = self.status(circuit);
        let (vault, reason) = (&self.vault, reason.unwrap_or_default());
        tracing::debug!(vault, %reason, "vault {vault} is still down");
        if self.changed(state) {
            tracing::warn!(vault, %state, %reason, "vault {vault} is down, and its cached secrets have expired");
        }
    }

    fn recovered(&self) {
        let (vault, state) = (&self.vault, CompartmentState::Ready);
        self.changed(state);
        tracing::info!(vault, %state, "vault {vault} is reachable again");
    }
}
