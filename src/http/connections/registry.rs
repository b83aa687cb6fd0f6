//! The open connections of a listener, and how many there may be.
//!
//! To make room for a new connection, one that is not busy is closed, in the order of `eviction`. The same order applies
//! among the connections of a machine that has as many as it may have.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::eviction::{Evictable, Phase, Ticket};
use super::peers::{Peer, Peers};
use super::tally::{Event, Listener, Tally};

/// The number of connections that may be closing at once, in addition to the open ones. They hold a descriptor until
/// their tasks run.
const MAX_CLOSING: usize = 16;

/// The open connections of a listener.
pub(in crate::http) struct Registry {
    max: usize,
    max_per_peer: usize,
    peers: Peers,
    state: Mutex<State>,
    /// A connection has ended or is no longer busy. The task that accepts connections is the only one that waits.
    changed: Notify,
    tally: Tally,
}

#[derive(Default)]
struct State {
    open: usize,
    /// Connections that were evicted and still have their descriptor.
    closing: usize,
    last_number: u64,
    evictable: Evictable<Closing>,
    peers: HashMap<Peer, OfPeer>,
}

#[derive(Default)]
struct OfPeer {
    open: usize,
    evictable: Evictable<()>,
}

/// What it takes to close a connection.
struct Closing {
    peer: Option<Peer>,
    evicted: Arc<Notify>,
}

enum Admission {
    Admitted(Slot),
    Refused,
    /// `full` if every connection is busy.
    Wait {
        full: bool,
    },
    /// A few connections are fresh and all others are busy. One will be old after this time.
    WaitFor(Duration),
}

/// The place of one connection in its [`Registry`], until it is dropped.
pub(super) struct Slot {
    registry: Arc<Registry>,
    peer: Option<Peer>,
    /// `None` while the connection is busy. Locked before the registry's state.
    ticket: Mutex<Option<Ticket>>,
    evicted: Arc<Notify>,
}

/// Its peer has as many connections as it may have, and all of them are busy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PeerAtLimit;

/// The connection was closed to make room for another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Evicted;

impl Registry {
    /// Creates a registry of up to `max` connections, and up to `max_per_peer` from each machine that `peers` counts.
    pub(super) fn new(max: usize, max_per_peer: usize, peers: Peers, tally: Tally) -> Arc<Self> {
        Arc::new(Self { max, max_per_peer, peers, state: Mutex::default(), changed: Notify::new(), tally })
    }

    /// Makes room for a connection from `address`. If there is no room, closes one that is not busy: one of the same
    /// machine if that one is at its limit, else any. Waits if all are busy.
    ///
    /// # Errors
    ///
    /// Returns an error if the machine is at its limit and all its connections are busy.
    pub(super) async fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Slot, PeerAtLimit> {
        let peer = self.peers.find(address);
        loop {
            match self.try_admit(peer) {
                Admission::Admitted(slot) => return Ok(slot),
                Admission::Refused => {
                    self.tally.refused(peer.map(|peer| peer.to_string()), self.max_per_peer);
                    return Err(PeerAtLimit);
                }
                Admission::Wait { full } => {
                    if full {
                        self.tally.full(self.max);
                    }
                    self.changed.notified().await;
                }
                Admission::WaitFor(grace) => {
                    // Either a connection has changed, or one is no longer fresh.
                    let _ = timeout(grace, self.changed.notified()).await;
                }
            }
        }
    }

    fn try_admit(self: &Arc<Self>, peer: Option<Peer>) -> Admission {
        let mut state = self.lock();
        if state.closing >= MAX_CLOSING {
            return Admission::Wait { full: false };
        }
        let of_peer = peer.and_then(|peer| state.peers.get(&peer));
        if let Some(of_peer) = of_peer.filter(|of_peer| of_peer.open >= self.max_per_peer) {
            match of_peer.evictable.next(self.max_per_peer) {
                Some(ticket) => self.evict(&mut state, ticket),
                None => return Admission::Refused,
            }
        }
        if state.open >= self.max {
            let Some(ticket) = state.evictable.next(self.max) else { return Admission::Wait { full: true } };
            if let Some(grace) = state.evictable.patience(ticket, self.max) {
                return Admission::WaitFor(grace);
            }
            self.evict(&mut state, ticket);
        }
        state.open += 1;
        if let Some(peer) = peer {
            state.peers.entry(peer).or_default().open += 1;
        }
        let evicted = Arc::new(Notify::new());
        let ticket = state.add_evictable(peer, &evicted, |number| Ticket::fresh(false, number));
        Admission::Admitted(Slot {
            registry: Arc::clone(self),
            peer,
            ticket: Mutex::new(Some(ticket)),
            evicted,
        })
    }

    /// Closes the connection that would be closed to make room, unless all are busy.
    pub(super) fn evict_one(&self) {
        let mut state = self.lock();
        if let Some(ticket) = state.evictable.next(self.max) {
            self.evict(&mut state, ticket);
        }
    }

    fn evict(&self, state: &mut State, ticket: Ticket) {
        let Some(Closing { peer, evicted }) = state.remove_evictable(ticket) else { return };
        state.remove_open(peer);
        state.closing += 1;
        evicted.notify_one();
        self.tally.evicted(self.max);
    }

    /// The largest number of connections.
    pub(in crate::http) fn max(&self) -> usize {
        self.max
    }

    /// The number of open connections.
    pub(in crate::http) fn open(&self) -> usize {
        let state = self.lock();
        state.open + state.closing
    }

    /// The listener whose connections these are.
    pub(in crate::http) fn listener(&self) -> Listener {
        self.tally.listener()
    }

    /// The number of connections to which `event` has happened.
    pub(in crate::http) fn count(&self, event: Event) -> u64 {
        self.tally.get(event)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add_evictable(
        &mut self,
        peer: Option<Peer>,
        evicted: &Arc<Notify>,
        ticket: impl FnOnce(u64) -> Ticket,
    ) -> Ticket {
        self.last_number += 1;
        let ticket = ticket(self.last_number);
        self.evictable.insert(ticket, Closing { peer, evicted: Arc::clone(evicted) });
        if let Some(of_peer) = peer.and_then(|peer| self.peers.get_mut(&peer)) {
            of_peer.evictable.insert(ticket, ());
        }
        ticket
    }

    fn remove_evictable(&mut self, ticket: Ticket) -> Option<Closing> {
        let closing = self.evictable.remove(ticket)?;
        if let Some(of_peer) = closing.peer.and_then(|peer| self.peers.get_mut(&peer)) {
            of_peer.evictable.remove(ticket);
        }
        Some(closing)
    }

    fn remove_open(&mut self, peer: Option<Peer>) {
        self.open -= 1;
        let Some(peer) = peer else { return };
        if let Some(of_peer) = self.peers.get_mut(&peer) {
            of_peer.open -= 1;
            if of_peer.open == 0 {
                self.peers.remove(&peer);
            }
        }
    }
}

impl Slot {
    /// Marks the connection as being in `phase`, from now on. Does nothing if it is already.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection has been evicted.
    pub(super) fn enter(&self, phase: Phase) -> Result<(), Evicted> {
        let mut ticket = self.lock_ticket();
        let current = match *ticket {
            None => Phase::Busy,
            Some(ticket) if ticket.is_receiving() => Phase::Receiving,
            Some(_) => Phase::Idle,
        };
        if current == phase {
            return Ok(());
        }
        let mut state = self.registry.lock();
        if let Some(ticket) = *ticket {
            state.remove_evictable(ticket).ok_or(Evicted)?;
        }
        *ticket = match phase {
            Phase::Busy => None,
            Phase::Idle => Some(state.add_evictable(self.peer, &self.evicted, Ticket::served)),
            Phase::Receiving => {
                Some(state.add_evictable(self.peer, &self.evicted, |number| Ticket::fresh(true, number)))
            }
        };
        drop(state);
        if current == Phase::Busy {
            self.registry.changed.notify_one();
        }
        Ok(())
    }

    /// Makes a connection fresh that is receiving. Does nothing in another phase, or if it has been evicted.
    pub(super) fn refresh(&self) {
        let mut ticket = self.lock_ticket();
        let Some(current) = ticket.filter(|ticket| ticket.is_receiving()) else { return };
        let mut state = self.registry.lock();
        if state.remove_evictable(current).is_some() {
            *ticket =
                Some(state.add_evictable(self.peer, &self.evicted, |number| Ticket::fresh(true, number)));
        }
    }

    /// Waits until the connection is evicted. It must be dropped then.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Counts what happened to the connection.
    pub(super) fn count(&self, event: Event) {
        self.registry.tally.count(event);
    }

    fn lock_ticket(&self) -> MutexGuard<'_, Option<Ticket>> {
        self.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let ticket = *self.lock_ticket();
        let mut state = self.registry.lock();
        if ticket.is_none_or(|ticket| state.remove_evictable(ticket).is_some()) {
            state.remove_open(self.peer);
        } else {
            state.closing -= 1;
        }
        drop(state);
        self.registry.changed.notify_one();
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("max", &self.max)
            .field("max_per_peer", &self.max_per_peer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use futures_util::FutureExt as _;
    use tokio::time::{Instant, advance};

    use super::*;
    use crate::http::connections::eviction::GRACE;

    const A: &str = "192.0.2.1";
    const B: &str = "192.0.2.2";
    const LOOPBACK: &str = "127.0.0.1";

    fn registry(max: usize, max_per_peer: usize) -> Arc<Registry> {
        Registry::new(max, max_per_peer, Peers::new(&[]), Tally::new(Listener::Public))
    }

    /// `None` if there is no room yet.
    fn try_admit(registry: &Arc<Registry>, address: &str) -> Option<Result<Slot, PeerAtLimit>> {
        registry.admit(address.parse().unwrap()).now_or_never()
    }

    fn admit(registry: &Arc<Registry>, address: &str) -> Slot {
        try_admit(registry, address).expect("there is no room").unwrap()
    }

    fn is_evicted(slot: &Slot) -> bool {
        slot.evicted().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_is_closed_to_make_room() {
        let registry = registry(3, 3);
        let [first, second, third] = [(); 3].map(|()| admit(&registry, LOOPBACK));
        first.enter(Phase::Busy).unwrap();
        advance(2 * GRACE).await;
        first.enter(Phase::Idle).unwrap();
        let fourth = admit(&registry, LOOPBACK);
        assert_eq!([&first, &second, &third, &fourth].map(is_evicted), [false, true, false, false]);
        assert_eq!((registry.open(), registry.count(Event::Evicted)), (4, 1), "one of them is closing");
        drop(second);
        let _fifth = admit(&registry, LOOPBACK);
        assert_eq!([&first, &third, &fourth].map(is_evicted), [false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_at_its_limit_loses_the_first_that_is_not_busy_in_the_order_of_eviction() {
        let registry = registry(40, 4);
        let [first, second, third, fourth] = [(); 4].map(|()| admit(&registry, A));
        for slot in [&second, &first, &fourth] {
            slot.enter(Phase::Receiving).unwrap();
        }
        fourth.enter(Phase::Busy).unwrap();
        advance(GRACE).await;
        let mut slots = vec![first, second, third, fourth];
        // The third is idle. The fourth has its whole request.
        for (at, expected) in [(2, "the idle one"), (1, "the first that was receiving"), (0, "the other")] {
            let new = admit(&registry, A);
            new.enter(Phase::Busy).unwrap();
            assert!(is_evicted(&slots[at]), "{expected}");
            slots.push(new);
        }
        assert!(!is_evicted(&slots[3]));
        assert!(matches!(try_admit(&registry, A), Some(Err(PeerAtLimit))));
        slots[4].enter(Phase::Receiving).unwrap();
        let _new = admit(&registry, A);
        assert!(is_evicted(&slots[4]), "its next request has not arrived");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_is_not_closed_before_an_unfinished_request() {
        let connections = |max, max_per_peer| async move {
            let registry = registry(max, max_per_peer);
            let unfinished = admit(&registry, A);
            unfinished.enter(Phase::Receiving).unwrap();
            advance(GRACE).await;
            let new = admit(&registry, A);
            (registry, unfinished, new)
        };
        let (registry, unfinished, new) = connections(2, 2).await;
        let _third = admit(&registry, B);
        assert_eq!([&unfinished, &new].map(is_evicted), [true, false], "no room");
        let (registry, unfinished, new) = connections(10, 2).await;
        let _third = admit(&registry, A);
        assert_eq!([&unfinished, &new].map(is_evicted), [true, false], "its machine is at its limit");
        let (registry, unfinished, new) = connections(10, 10).await;
        registry.evict_one();
        assert_eq!([&unfinished, &new].map(is_evicted), [true, false], "no descriptors");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_waits_for_a_few_whose_requests_are_about_to_arrive() {
        let registry = registry(16, 16);
        let busy: Vec<_> = (0..14).map(|_| admit(&registry, LOOPBACK)).collect();
        for slot in &busy {
            slot.enter(Phase::Busy).unwrap();
        }
        let connected = [(); 2].map(|()| admit(&registry, LOOPBACK));
        let start = Instant::now();
        let new = registry.admit(LOOPBACK.parse().unwrap()).await.unwrap();
        assert_eq!((start.elapsed(), connected.each_ref().map(is_evicted)), (GRACE, [true, false]));
        advance(GRACE / 2).await;
        new.enter(Phase::Busy).unwrap();
        busy[0].enter(Phase::Idle).unwrap();
        let _newer = admit(&registry, LOOPBACK);
        assert_eq!((is_evicted(&connected[1]), is_evicted(&busy[0])), (true, false), "it is old by now");
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_makes_progress_is_not_closed_for_silent_connections() {
        let registry = registry(10, 10);
        let [progressing, stuck] = [(); 2].map(|()| admit(&registry, LOOPBACK));
        for slot in [&progressing, &stuck] {
            slot.enter(Phase::Receiving).unwrap();
        }
        let mut silent = Vec::new();
        for _ in 0..100 {
            advance(GRACE / 50).await;
            progressing.refresh();
            silent.push(admit(&registry, LOOPBACK));
            silent.retain(|slot| !is_evicted(slot));
        }
        assert_eq!([&progressing, &stuck].map(is_evicted), [false, true]);
        stuck.refresh();
        assert_eq!(stuck.enter(Phase::Busy), Err(Evicted));
    }

    /// One way to open connections that do no good.
    #[derive(Debug, Clone, Copy)]
    enum Flood {
        Silent,
        Unfinished,
        /// Some of each, in turn.
        Both,
        /// Uploads that make progress.
        Uploads,
    }

    /// Whether each client is served that sends its request 5 ms after it has connected, while others open so many
    /// connections in each millisecond, the first of them from the client's own machine.
    async fn clients_are_served(flood: Flood, per_ms: usize, from: &[&str]) -> bool {
        const SENT_AFTER: usize = 5;
        let registry = registry(400, 100);
        let busy: Vec<_> = (0..250).map(|_| admit(&registry, LOOPBACK)).collect();
        for slot in &busy {
            slot.enter(Phase::Busy).unwrap();
        }
        let (mut flooding, mut clients) = (Vec::new(), VecDeque::new());
        let mut addresses = from.iter().cycle();
        for millisecond in 0..1500 {
            for index in 0..per_ms {
                let slot = admit(&registry, addresses.next().unwrap());
                match flood {
                    Flood::Silent => {}
                    Flood::Both if index % 2 == 0 => {}
                    Flood::Unfinished | Flood::Both | Flood::Uploads => slot.enter(Phase::Receiving).unwrap(),
                }
                flooding.push(slot);
            }
            clients.push_back(admit(&registry, from[0]));
            flooding.retain(|slot| !is_evicted(slot));
            if matches!(flood, Flood::Uploads) && millisecond % 500 == 0 {
                flooding.iter().for_each(Slot::refresh);
            }
            if clients.len() > SENT_AFTER
                && clients.pop_front().is_some_and(|client| client.enter(Phase::Busy).is_err())
            {
                return false;
            }
            advance(Duration::from_millis(1)).await;
        }
        true
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_its_request_at_once_is_served_during_each_flood() {
        let many: Vec<String> = (1..=200).map(|index| format!("192.0.2.{index}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for flood in [Flood::Silent, Flood::Unfinished, Flood::Both, Flood::Uploads] {
            for per_ms in [1, 6] {
                for from in [&[LOOPBACK][..], &[A], &many] {
                    assert!(
                        clients_are_served(flood, per_ms, from).await,
                        "{flood:?}, {per_ms}, {}",
                        from[0]
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn busy_connections_stay_and_a_new_one_waits() {
        let registry = registry(2, 2);
        let (first, second) = (admit(&registry, LOOPBACK), admit(&registry, LOOPBACK));
        first.enter(Phase::Busy).unwrap();
        second.enter(Phase::Busy).unwrap();
        let third = registry.admit(LOOPBACK.parse().unwrap());
        tokio::pin!(third);
        assert!(third.as_mut().now_or_never().is_none());
        second.enter(Phase::Idle).unwrap();
        let third = third.await.unwrap();
        assert_eq!((is_evicted(&first), is_evicted(&second)), (false, true));
        third.enter(Phase::Busy).unwrap();
        let fourth = registry.admit(LOOPBACK.parse().unwrap());
        tokio::pin!(fourth);
        assert!(fourth.as_mut().now_or_never().is_none());
        drop(first);
        fourth.await.unwrap();
    }

    #[test]
    fn an_evicted_connection_does_not_become_busy_again() {
        let registry = registry(1, 1);
        let first = admit(&registry, LOOPBACK);
        let second = admit(&registry, LOOPBACK);
        for phase in [Phase::Receiving, Phase::Busy] {
            assert_eq!(first.enter(phase), Err(Evicted));
        }
        drop(first);
        assert_eq!(registry.open(), 1);
        drop(second);
        assert_eq!(registry.open(), 0);
    }

    #[test]
    fn a_machine_at_its_limit_loses_an_idle_connection_of_its_own_or_is_refused() {
        let registry = registry(10, 2);
        let other = admit(&registry, B);
        let (first, second) = (admit(&registry, A), admit(&registry, A));
        first.enter(Phase::Busy).unwrap();
        let third = admit(&registry, A);
        assert_eq!([&other, &first, &second].map(is_evicted), [false, false, true]);
        drop(second);
        third.enter(Phase::Busy).unwrap();
        assert!(matches!(try_admit(&registry, A), Some(Err(PeerAtLimit))));
        assert_eq!(registry.count(Event::Refused), 1);
        let _other = (admit(&registry, B), other);
        let _exempt = [(); 5].map(|()| admit(&registry, LOOPBACK));
        drop(first);
        let fourth = admit(&registry, A);
        drop((third, fourth));
        assert!(!registry.lock().peers.contains_key(&registry.peers.find(A.parse().unwrap()).unwrap()));
    }

    #[test]
    fn few_connections_are_closing_at_once() {
        let registry = registry(100, 100);
        let mut slots: Vec<_> = (0..100 + MAX_CLOSING).map(|_| admit(&registry, LOOPBACK)).collect();
        assert!(try_admit(&registry, LOOPBACK).is_none());
        assert_eq!(registry.open(), 100 + MAX_CLOSING);
        drop(slots.remove(0));
        assert!(try_admit(&registry, LOOPBACK).is_some());
    }
}
