//! What has happened to connections: counted for the metrics, and logged at most once a minute each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cofferdam_vault::LogLimit;

/// The least time between two log lines about the same event. An attack causes thousands a second.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// One of the two listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Listener {
    /// The listener for callers.
    Public,
    /// The listener for the operator.
    Admin,
}

impl Listener {
    /// Its name in metrics and logs.
    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Admin => "admin",
        }
    }
}

/// What happens to a connection, apart from an end that its client chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Event {
    /// It was not busy, and closed to make room for another one.
    Evicted,
    /// It was not accepted: its peer has as many as it may have, and all of them are busy.
    Refused,
    /// It was closed because its client did not read.
    Unread,
    /// It was closed because of its age.
    Aged,
}

impl Event {
    /// All events.
    pub(in crate::http) const ALL: [Self; 4] = [Self::Evicted, Self::Refused, Self::Unread, Self::Aged];

    /// Its name in metrics.
    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Refused => "refused",
            Self::Unread => "unread",
            Self::Aged => "aged",
        }
    }
}

/// The counts of a listener.
#[derive(Debug)]
pub(super) struct Tally {
    listener: Listener,
    counts: [AtomicU64; Event::ALL.len()],
    evictions: LogLimit,
    shortages: LogLimit,
    refusals: LogLimit,
}

impl Tally {
    /// All counts are zero.
    pub(super) fn new(listener: Listener) -> Self {
        let limit = || LogLimit::new(LOG_INTERVAL);
        Self {
            listener,
            counts: Default::default(),
            evictions: limit(),
            shortages: limit(),
            refusals: limit(),
        }
    }

    /// The listener whose connections are counted.
    pub(super) fn listener(&self) -> Listener {
        self.listener
    }

    /// The number of connections to which this has happened.
    pub(super) fn get(&self, event: Event) -> u64 {
        self.counts[event as usize].load(Ordering::Relaxed)
    }

    /// Counts a connection.
    pub(super) fn count(&self, event: Event) {
        self.counts[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that was closed since there were `max`.
    pub(super) fn evicted(&self, max: usize) {
        self.count(Event::Evicted);
        if self.evictions.due() {
            let listener = self.listener.name();
            tracing::warn!(
                listener,
                max,
                "connections without a complete request are closed to make room for new ones{}",
                self.advice()
            );
        }
    }

    /// Reports that `max` connections are busy, so that further clients wait.
    pub(super) fn full(&self, max: usize) {
        if self.shortages.due() {
            let listener = self.listener.name();
            tracing::warn!(
                listener,
                max,
                "all connections are busy, and further clients wait{}",
                self.advice()
            );
        }
    }

    /// Counts a connection that was refused since its peer has `max`.
    pub(super) fn refused(&self, peer: Option<String>, max: usize) {
        self.count(Event::Refused);
        if self.refusals.due() {
            let (listener, peer) = (self.listener.name(), peer.unwrap_or_default());
            let advice = match self.listener {
                Listener::Public => {
                    "; raise server.max_connections_per_peer, or list the address in access.trusted_proxies if many \
                     clients share it"
                }
                Listener::Admin => "",
            };
            tracing::warn!(
                listener,
                peer,
                max,
                "connections are refused: this machine has as many as one may have, all of them busy{advice}"
            );
        }
    }

    /// How to raise the number of connections.
    fn advice(&self) -> &'static str {
        match self.listener {
            Listener::Public => "; raise server.max_connections if the machine has room for more",
            Listener::Admin => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_event_is_counted_and_logged_once_a_minute() {
        let tally = Tally::new(Listener::Public);
        assert!(tally.evictions.due() && tally.shortages.due());
        tokio::time::advance(LOG_INTERVAL / 2).await;
        assert!(!tally.evictions.due());
        tokio::time::advance(LOG_INTERVAL / 2).await;
        assert!(tally.evictions.due());
        for event in Event::ALL {
            tally.count(event);
            assert_eq!(tally.get(event), 1, "{}", event.name());
        }
    }
}
