//! The state of a compartment, derived from the circuit and from what the cache can still serve.

use std::fmt;
use std::time::SystemTime;

use tokio::time::Instant;

use super::client::CircuitStatus;

/// The state of a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CompartmentState {
    /// The circuit is not open. Single failures below the threshold (`breaker` in the profile) are retried and logged, and
    /// do not change the state.
    Ready,
    /// The vault is unreachable, and the cache still serves.
    Degraded,
    /// The vault is unreachable, and nothing can be served.
    Down,
}

impl CompartmentState {
    /// The state in lower case, as in logs and in `--json` output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for CompartmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state, why and since when.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) state: CompartmentState,
    /// Why the state is not `Ready`.
    pub(crate) reason: Option<String>,
    pub(crate) since: SystemTime,
}

impl Status {
    /// Derives the status at `now` from the circuit, and from the time until which a cached secret may be served.
    ///
    /// Only the passing of time turns `Degraded` into `Down`. The change is therefore computed here and not recorded.
    pub(crate) fn new(circuit: CircuitStatus, servable_until: Option<Instant>, now: Instant) -> Self {
        let since = circuit.since;
        let Some(reason) = circuit.open else {
            return Self { state: CompartmentState::Ready, reason: None, since: since.system };
        };
        let reason = Some(reason.message().to_owned());
        let served =
            servable_until.map(|end| end.saturating_duration_since(since.instant)).unwrap_or_default();
        if servable_until.is_some_and(|end| now < end) {
            Self { state: CompartmentState::Degraded, reason, since: since.system }
        } else {
            // `served` lies in the past, so the sum does not overflow.
            let since = since.system.checked_add(served).unwrap_or(since.system);
            Self { state: CompartmentState::Down, reason, since }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cofferdam_vault::{ErrorKind, VaultError};

    use super::*;
    use crate::broker::compartment::client::Timestamp;

    fn at(servable_until: Option<u64>, now: u64, open: bool) -> (CompartmentState, u64) {
        let start = Timestamp { instant: Instant::now(), system: SystemTime::now() };
        let second = |n| start.instant + Duration::from_secs(n);
        let since = Timestamp { instant: second(100), system: start.system + Duration::from_secs(100) };
        let open = open.then(|| VaultError::vault(ErrorKind::Unavailable, "on purpose"));
        let status = Status::new(CircuitStatus { since, open }, servable_until.map(second), second(now));
        assert_eq!(status.reason.is_some(), status.state != CompartmentState::Ready);
        (status.state, status.since.duration_since(start.system).unwrap().as_secs())
    }

    #[test]
    fn the_state_follows_from_the_circuit_and_the_cache() {
        use CompartmentState::{Degraded, Down, Ready};
        assert_eq!(at(Some(500), 200, false), (Ready, 100));
        assert_eq!(at(Some(500), 200, true), (Degraded, 100));
        assert_eq!(at(Some(500), 600, true), (Down, 500), "down since nothing could be served");
        assert_eq!(at(Some(50), 200, true), (Down, 100), "nothing could be served from the start");
        assert_eq!(at(None, 200, true), (Down, 100));
    }
}
