//! The open connections of a listener: how many there may be, and which one is closed to make room.
//!
//! A connection is *idle* if nobody would lose a result with it: it waits for the complete head of a request, or for its
//! client to read. Idle connections are closed to make room for new ones, the longest idle first. A connection with a
//! request in progress is never closed for another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::peers::{Peer, Peers};
use super::tally::{Event, Listener, Tally};

/// The number of connections that may be closing at once, in addition to the open ones. They hold a descriptor until
/// their tasks run.
const MAX_CLOSING: usize = 16;

/// The ticket of a connection with a request in progress.
const BUSY: u64 = 0;

/// The open connections of a listener.
pub(in crate::http) struct Registry {
    max: usize,
    max_per_peer: usize,
    peers: Peers,
    state: Mutex<State>,
    /// A connection has ended or become idle. The task that accepts connections is the only one that waits.
    changed: Notify,
    tally: Tally,
}

#[derive(Default)]
struct State {
    open: usize,
    /// Connections that were evicted and still have their descriptor.
    closing: usize,
    last_ticket: u64,
    /// By ticket, so the longest idle is the first.
    idle: BTreeMap<u64, Idle>,
    peers: HashMap<Peer, OfPeer>,
}

struct Idle {
    peer: Option<Peer>,
    evicted: Arc<Notify>,
}

#[derive(Default)]
struct OfPeer {
    open: usize,
    idle: BTreeSet<u64>,
}

enum Admission {
    Admitted(Slot),
    Refused,
    /// `full` if every connection has a request in progress.
    Wait {
        full: bool,
    },
}

/// The place of one connection in its [`Registry`], until it is dropped.
pub(super) struct Slot {
    registry: Arc<Registry>,
    peer: Option<Peer>,
    /// A later ticket is a larger number. [`BUSY`] while a request is in progress. Changes only under the registry's lock.
    ticket: AtomicU64,
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

    /// Makes room for a connection from `address`. If there is no room, closes an idle one: one of the same machine if
    /// that one is at its limit, else any. Waits if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if the machine is at its limit and has no idle connection.
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
            match of_peer.idle.first().copied() {
                Some(ticket) => self.evict(&mut state, ticket),
                None => return Admission::Refused,
            }
        }
        if state.open >= self.max {
            match state.idle.keys().next().copied() {
                Some(ticket) => self.evict(&mut state, ticket),
                None => return Admission::Wait { full: true },
            }
        }
        state.open += 1;
        if let Some(peer) = peer {
            state.peers.entry(peer).or_default().open += 1;
        }
        let evicted = Arc::new(Notify::new());
        let ticket = state.add_idle(peer, &evicted);
        Admission::Admitted(Slot {
            registry: Arc::clone(self),
            peer,
            ticket: AtomicU64::new(ticket),
            evicted,
        })
    }

    /// Closes the longest idle connection, if one is idle.
    pub(super) fn evict_longest_idle(&self) {
        let mut state = self.lock();
        if let Some(ticket) = state.idle.keys().next().copied() {
            self.evict(&mut state, ticket);
        }
    }

    fn evict(&self, state: &mut State, ticket: u64) {
        let Some(idle) = state.remove_idle(ticket) else { return };
        state.remove_open(idle.peer);
        state.closing += 1;
        idle.evicted.notify_one();
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
    fn add_idle(&mut self, peer: Option<Peer>, evicted: &Arc<Notify>) -> u64 {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.idle.insert(ticket, Idle { peer, evicted: Arc::clone(evicted) });
        if let Some(of_peer) = peer.and_then(|peer| self.peers.get_mut(&peer)) {
            of_peer.idle.insert(ticket);
        }
        ticket
    }

    fn remove_idle(&mut self, ticket: u64) -> Option<Idle> {
        let idle = self.idle.remove(&ticket)?;
        if let Some(of_peer) = idle.peer.and_then(|peer| self.peers.get_mut(&peer)) {
            of_peer.idle.remove(&ticket);
        }
        Some(idle)
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
    /// Marks the connection as busy. It is not evicted from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if it has been evicted.
    pub(super) fn set_busy(&self) -> Result<(), Evicted> {
        let ticket = self.ticket.load(Ordering::Relaxed);
        if ticket == BUSY {
            return Ok(());
        }
        let mut state = self.registry.lock();
        state.remove_idle(ticket).ok_or(Evicted)?;
        self.ticket.store(BUSY, Ordering::Relaxed);
        Ok(())
    }

    /// Marks the connection as idle, from now on. Does nothing if it is idle already, or was evicted.
    pub(super) fn set_idle(&self) {
        if self.ticket.load(Ordering::Relaxed) != BUSY {
            return;
        }
        let mut state = self.registry.lock();
        let ticket = state.add_idle(self.peer, &self.evicted);
        self.ticket.store(ticket, Ordering::Relaxed);
        drop(state);
        self.registry.changed.notify_one();
    }

    /// Waits until the connection is evicted. It must be dropped then.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Counts what happened to the connection.
    pub(super) fn count(&self, event: Event) {
        self.registry.tally.count(event);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let ticket = self.ticket.load(Ordering::Relaxed);
        let mut state = self.registry.lock();
        if ticket == BUSY || state.remove_idle(ticket).is_some() {
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
    use futures_util::FutureExt as _;

    use super::*;

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

    #[test]
    fn the_longest_idle_connection_is_closed_to_make_room() {
        let registry = registry(3, 3);
        let [first, second, third] = [(); 3].map(|()| admit(&registry, LOOPBACK));
        first.set_busy().unwrap();
        first.set_idle();
        let fourth = admit(&registry, LOOPBACK);
        assert_eq!([&first, &second, &third, &fourth].map(is_evicted), [false, true, false, false]);
        assert_eq!((registry.open(), registry.count(Event::Evicted)), (4, 1), "one of them is closing");
        drop(second);
        let _fifth = admit(&registry, LOOPBACK);
        assert_eq!([&first, &third, &fourth].map(is_evicted), [false, true, false]);
    }

    #[tokio::test]
    async fn busy_connections_stay_and_a_new_one_waits() {
        let registry = registry(2, 2);
        let (first, second) = (admit(&registry, LOOPBACK), admit(&registry, LOOPBACK));
        first.set_busy().unwrap();
        second.set_busy().unwrap();
        let third = registry.admit(LOOPBACK.parse().unwrap());
        tokio::pin!(third);
        assert!(third.as_mut().now_or_never().is_none());
        second.set_idle();
        let third = third.await.unwrap();
        assert_eq!((is_evicted(&first), is_evicted(&second)), (false, true));
        third.set_busy().unwrap();
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
        assert_eq!(first.set_busy(), Err(Evicted));
        first.set_idle();
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
        first.set_busy().unwrap();
        let third = admit(&registry, A);
        assert_eq!([&other, &first, &second].map(is_evicted), [false, false, true]);
        drop(second);
        third.set_busy().unwrap();
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
