//! HTTP over axum: routes, middleware, health and metrics.
//!
//! [`Server`] has two listeners, one for callers and one for the operator. Every route of both is behind the same check of
//! `Host` and `Origin` ([`guard`]).

mod accept;
mod arriving;
mod bind;
mod connections;
mod endpoint;
mod guard;
mod health;
mod identify;
mod large_requests;
mod metrics;
mod server;

pub use bind::{BindError, NotLoopback, check_bind, reachable_address};
pub use connections::{ConnectionBudget, RAISE_DESCRIPTORS, Shortage};
pub use server::Server;

#[cfg(test)]
mod tests;
