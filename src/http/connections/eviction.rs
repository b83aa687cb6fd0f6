//! Which connection is closed to make room for a new one.
//!
//! A connection is *idle* if nobody would lose a result with it: it waits for the head of a request, or for its client to
//! read. It is *receiving* while the body of a request arrives, and *busy* from then on until the response is sent. It is
//! *fresh* for [`GRACE`] after it was accepted, after the head of a request, and after each 64 KiB of a body. The one to
//! close is
//!
//! 1. the longest receiving one, if more than half of all connections are receiving;
//! 2. else the longest idle one, unless it is fresh;
//! 3. else the longest receiving one, unless it is fresh;
//! 4. else, since all are fresh, the first of the larger group.
//!
//! If all are fresh and they are at most an eighth of all connections, the new one waits instead, for [`GRACE`] at most: the
//! others are busy, and the next request of a client that has just connected would be lost.
//!
//! A busy connection is never closed for another one, so a client must send whole requests to hold one.
//!
//! A client that connects and sends its request at once is served during each kind of flood. Silent connections close each
//! other (2), and so do unfinished requests (1, 3). If so many arrive that all are fresh, the kind that arrives more often
//! closes its own (4): at least half of the connections that are not busy are closed before the newest one is. An upload that
//! makes progress stays fresh, so silent connections do not close it. Without (1), unfinished requests would close every
//! connection that its client keeps open between two requests.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long a connection is fresh. A client that sends its request at once needs some milliseconds, even if the server is
/// slow to accept it.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// Up to this part of all connections, those that are fresh are few.
const FEW: usize = 8;

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for a request, or for a client that does not read.
    Idle,
    /// Waits for the body of a request.
    Receiving,
    /// Has a request in progress.
    Busy,
}

/// The place of a connection that is not busy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    receiving: bool,
    number: u64,
    /// When it is no longer fresh.
    old_from: Instant,
}

impl Ticket {
    /// The place of a connection that is fresh. A later one has a larger number.
    pub(super) fn fresh(receiving: bool, number: u64) -> Self {
        Self { receiving, number, old_from: Instant::now() + GRACE }
    }

    /// The place of a connection whose last response has been sent.
    pub(super) fn served(number: u64) -> Self {
        Self { receiving: false, number, old_from: Instant::now() }
    }

    /// Whether the connection is receiving. If not, it is idle.
    pub(super) fn is_receiving(self) -> bool {
        self.receiving
    }

    fn is_fresh(self) -> bool {
        Instant::now() < self.old_from
    }

    fn key(self) -> (Instant, u64) {
        (self.old_from, self.number)
    }
}

/// The connections that are not busy, with a value for each. Each operation takes logarithmic time.
pub(super) struct Evictable<T> {
    idle: Group<T>,
    receiving: Group<T>,
}

/// Connections of one phase. The first is the one that has been old for longest, or will be old first.
type Group<T> = BTreeMap<(Instant, u64), (Ticket, T)>;

impl<T> Evictable<T> {
    /// Adds a connection.
    pub(super) fn insert(&mut self, ticket: Ticket, value: T) {
        self.group(ticket).insert(ticket.key(), (ticket, value));
    }

    /// Removes a connection, and returns its value if it was there.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.group(ticket).remove(&ticket.key()).map(|(_, value)| value)
    }

    /// How long to wait before `next` is closed, if there may be `max` connections with the busy ones.
    pub(super) fn patience(&self, next: Ticket, max: usize) -> Option<Duration> {
        let few = self.idle.len() + self.receiving.len() <= max / FEW;
        (few && next.is_fresh()).then(|| next.old_from.duration_since(Instant::now()))
    }

    /// The connection that is closed next, if there may be `max` with the busy ones.
    pub(super) fn next(&self, max: usize) -> Option<Ticket> {
        let first = |group: &Group<T>| group.first_key_value().map(|(_, &(ticket, _))| ticket);
        let (idle, receiving) = match (first(&self.idle), first(&self.receiving)) {
            (Some(idle), Some(receiving)) => (idle, receiving),
            (idle, receiving) => return idle.or(receiving),
        };
        let is_idle = if self.receiving.len() > max / 2 {
            false
        } else if !idle.is_fresh() {
            true
        } else {
            receiving.is_fresh() && self.idle.len() >= self.receiving.len()
        };
        Some(if is_idle { idle } else { receiving })
    }

    fn group(&mut self, ticket: Ticket) -> &mut Group<T> {
        if ticket.receiving { &mut self.receiving } else { &mut self.idle }
    }
}

impl<T> Default for Evictable<T> {
    fn default() -> Self {
        Self { idle: BTreeMap::new(), receiving: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MAX: usize = 100;

    struct Connections {
        evictable: Evictable<&'static str>,
        last_number: u64,
    }

    impl Connections {
        fn new() -> Self {
            Self { evictable: Evictable::default(), last_number: 0 }
        }

        fn add(&mut self, receiving: bool, name: &'static str) {
            self.last_number += 1;
            self.evictable.insert(Ticket::fresh(receiving, self.last_number), name);
        }

        /// Removes all in the order of eviction.
        fn evict_all(mut self, max: usize) -> Vec<&'static str> {
            let evictable = &mut self.evictable;
            std::iter::from_fn(|| evictable.next(max).and_then(|ticket| evictable.remove(ticket))).collect()
        }
    }

    const IDLE: bool = false;
    const RECEIVING: bool = true;

    #[tokio::test(start_paused = true)]
    async fn old_ones_are_first_and_idle_ones_before_those_that_are_receiving() {
        let mut connections = Connections::new();
        connections.add(RECEIVING, "old upload");
        connections.add(RECEIVING, "second old upload");
        connections.add(IDLE, "old idle");
        connections.add(IDLE, "second old idle");
        advance(GRACE).await;
        connections.add(IDLE, "fresh idle");
        connections.add(RECEIVING, "fresh upload");
        let expected =
            ["old idle", "second old idle", "old upload", "second old upload", "fresh idle", "fresh upload"];
        assert_eq!(connections.evict_all(MAX), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_served_is_before_one_that_has_just_connected() {
        let mut connections = Connections::new();
        connections.add(IDLE, "connected");
        advance(GRACE / 2).await;
        connections.last_number += 1;
        connections.evictable.insert(Ticket::served(connections.last_number), "served");
        assert_eq!(connections.evict_all(MAX), ["served", "connected"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_that_are_fresh_are_waited_for() {
        let mut connections = Connections::new();
        let patience = |connections: &Connections| {
            connections.evictable.patience(connections.evictable.next(MAX).unwrap(), MAX)
        };
        for _ in 0..MAX / FEW {
            connections.add(IDLE, "connected");
            assert_eq!(patience(&connections), Some(GRACE));
        }
        connections.add(RECEIVING, "one more");
        assert_eq!(patience(&connections), None);
        connections.evictable.receiving.clear();
        advance(GRACE / 4).await;
        assert_eq!(patience(&connections), Some(GRACE * 3 / 4));
        advance(GRACE).await;
        assert_eq!(patience(&connections), None);
    }

    #[tokio::test(start_paused = true)]
    async fn fresh_ones_of_the_larger_group_are_first() {
        let mut connections = Connections::new();
        connections.add(IDLE, "idle 1");
        connections.add(RECEIVING, "upload 1");
        connections.add(RECEIVING, "upload 2");
        connections.add(RECEIVING, "upload 3");
        connections.add(IDLE, "idle 2");
        let expected = ["upload 1", "idle 1", "upload 2", "idle 2", "upload 3"];
        assert_eq!(connections.evict_all(MAX), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_are_receiving_are_first_while_they_are_more_than_half_of_all() {
        let mut connections = Connections::new();
        connections.add(IDLE, "old idle");
        advance(GRACE).await;
        for name in ["upload 1", "upload 2", "upload 3"] {
            connections.add(RECEIVING, name);
        }
        assert_eq!(connections.evict_all(4), ["upload 1", "old idle", "upload 2", "upload 3"]);
    }
}
