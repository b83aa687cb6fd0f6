//! The connections of a listener: which ones are accepted, how long they last, and which ones are closed to make room.
//!
//! `axum::serve` has no such limits. Only HTTP/1.1 is served: MCP clients gain nothing from HTTP/2 over loopback or behind a
//! proxy, and it would need limits of its own.
//!
//! The files in reading order:
//!
//! - `limits`: how many connections there may be, given the file descriptors of this process
//! - `peers`: the remote machine that a connection counts for
//! - `eviction`: which connection is closed to make room for a new one
//! - `registry`: the open connections
//! - `activity`, `progress`: whether a connection has a whole request in progress, and whether its client reads
//! - `connection`: one connection until its end
//! - `accept`: the listener
//! - `tally`: the counts for the metrics, and the log
//! - `draining`: what responses say during a shutdown

mod accept;
mod activity;
mod connection;
mod draining;
mod eviction;
mod limits;
mod peers;
mod progress;
mod registry;
mod tally;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use ipnet::IpNet;

use self::peers::Peers;
use self::tally::Tally;

pub(super) use self::accept::serve;
pub(super) use self::connection::{Lifetime, LocalIp};
pub(super) use self::draining::close_while_draining;
pub use self::limits::{ConnectionBudget, RAISE_DESCRIPTORS, Shortage};
pub(super) use self::registry::Registry;
pub(super) use self::tally::{Event, Listener};

/// Creates the registry of the connections of callers.
pub(super) fn public(budget: &ConnectionBudget, trusted_proxies: &[IpNet]) -> Arc<Registry> {
    let (peers, tally) = (Peers::new(trusted_proxies), Tally::new(Listener::Public));
    Registry::new(budget.max(), budget.max_per_peer(), peers, tally)
}

/// Creates the registry of the operator's connections.
pub(super) fn admin(trusted_proxies: &[IpNet]) -> Arc<Registry> {
    let (peers, tally) = (Peers::new(trusted_proxies), Tally::new(Listener::Admin));
    Registry::new(limits::MAX_ADMIN_CONNECTIONS, limits::MAX_ADMIN_CONNECTIONS / 4, peers, tally)
}
