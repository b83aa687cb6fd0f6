//! How a compartment is: what the breaker says, and what the cache can still serve.

use std::fmt;
use std::time::SystemTime;

use tokio::time::Instant;

use super::breaker::Snapshot;

/// How a vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CompartmentState {
    /// It answers, or has failed less often than its breaker allows (`breaker` in the profile): single failures are told in
    /// the answers to calls and in the log, and do not make a vault look down.
    Ready,
    /// It is out of reach, and its cache still serves.
    Degraded,
    /// It is out of reach, and nothing can be served.
    Down,
}

impl CompartmentState {
    /// The state in lower case, as it stands in logs and in `--json` output.
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
pub(in crate::broker) struct Status {
    /// The state.
    pub(in crate::broker) state: CompartmentState,
    /// Why it is not ready.
    pub(in crate::broker) reason: Option<String>,
    /// Since when.
    pub(in crate::broker) since: SystemTime,
}

impl Status {
    /// The status that follows from the breaker, and from until when something cached may be served.
    ///
    /// The change from degraded to down is nobody's doing: time passes. So it is reckoned here, and not recorded.
    pub(super) fn of(breaker: Snapshot, servable_until: Option<Instant>, now: Instant) -> Self {
        let since = breaker.since;
        let Some(reason) = breaker.open else {
            return Self { state: CompartmentState::Ready, reason: None, since: since.system };
        };
        let reason = Some(reason.message().to_owned());
        let served =
            servable_until.map(|end| end.saturating_duration_since(since.instant)).unwrap_or_default();
        if servable_until.is_some_and(|end| now < end) {
            Self { state: CompartmentState::Degraded, reason, since: since.system }
        } else {
            // `served` is in the past, so the sum is.
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
    use crate::broker::compartment::breaker::Moment;

    fn at(servable_until: Option<u64>, now: u64, open: bool) -> (CompartmentState, u64) {
        let start = Moment { instant: Instant::now(), system: SystemTime::now() };
        let second = |n| start.instant + Duration::from_secs(n);
        let since = Moment { instant: second(100), system: start.system + Duration::from_secs(100) };
        let open = open.then(|| VaultError::vault(ErrorKind::Unavailable, "on purpose"));
        let status = Status::of(Snapshot { since, open }, servable_until.map(second), second(now));
        assert_eq!(status.reason.is_some(), status.state != CompartmentState::Ready);
        (status.state, status.since.duration_since(start.system).unwrap().as_secs())
    }

    #[test]
    fn a_state_follows_from_the_breaker_and_the_cache() {
        use CompartmentState::{Degraded, Down, Ready};
        assert_eq!(at(Some(500), 200, false), (Ready, 100));
        assert_eq!(at(Some(500), 200, true), (Degraded, 100));
        assert_eq!(at(Some(500), 600, true), (Down, 500), "down since nothing could be served");
        assert_eq!(at(Some(50), 200, true), (Down, 100), "nothing could be served to begin with");
        assert_eq!(at(None, 200, true), (Down, 100));
    }
}
