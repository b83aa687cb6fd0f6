//! A login in use: its token, and whether it is still valid.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cofferdam_vault::http::SecretHeader;
use tokio::time::Instant;

use crate::token::{Token, Ttl};

/// A token in use.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: SecretHeader,
    /// Whether the token was issued to this server, so that it is revoked at shutdown.
    pub(crate) owned: bool,
    /// Whether the token may look itself up.
    pub(crate) can_look_up_itself: bool,
    created: Instant,
    /// Whether the server has rejected the token.
    rejected: AtomicBool,
    /// Whether the session was used since [`Session::take_used`].
    used: AtomicBool,
    validity: Mutex<Validity>,
}

/// How long a session is valid, and whether it can be renewed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    /// `None` if it never expires.
    pub(crate) ttl: Option<Ttl>,
    pub(crate) renewable: bool,
}

impl Session {
    pub(crate) fn new(token: Token) -> Self {
        Self {
            token: token.header,
            owned: token.owned,
            can_look_up_itself: token.can_look_up_itself,
            created: Instant::now(),
            rejected: AtomicBool::new(false),
            used: AtomicBool::new(true),
            validity: Mutex::new(Validity { ttl: token.ttl, renewable: token.renewable }),
        }
    }

    pub(crate) fn validity(&self) -> Validity {
        *self.validity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_validity(&self, validity: Validity) {
        *self.validity.lock().unwrap_or_else(PoisonError::into_inner) = validity;
    }

    /// The time left; `None` if the token never expires.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.validity().ttl.map(|ttl| ttl.end().saturating_duration_since(Instant::now()))
    }

    /// The time since the login.
    pub(crate) fn age(&self) -> Duration {
        self.created.elapsed()
    }

    /// Whether the token is valid as far as this process knows.
    pub(crate) fn is_valid(&self) -> bool {
        !self.rejected.load(Ordering::Relaxed) && self.remaining().is_none_or(|left| !left.is_zero())
    }

    /// Records that the server rejects the token.
    pub(crate) fn reject(&self) {
        self.rejected.store(true, Ordering::Relaxed);
    }

    /// Records that the session is used.
    pub(crate) fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether the session was used since the last call.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}
