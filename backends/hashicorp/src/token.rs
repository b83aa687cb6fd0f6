//! Tokens, and how long one is valid.

use std::time::Duration;

use cofferdam_vault::http::SecretHeader;
use tokio::time::Instant;

/// The result of a login.
pub(crate) struct Token {
    pub(crate) header: SecretHeader,
    /// Counted from before the login request was sent; `None` if the token never expires.
    pub(crate) ttl: Option<Ttl>,
    pub(crate) renewable: bool,
    /// Whether the token was issued to this server, so that it is revoked at shutdown.
    pub(crate) owned: bool,
    /// Whether the token may look itself up, which distinguishes a denied secret from an expired login.
    pub(crate) can_look_up_itself: bool,
}

/// The validity of a token or a lease.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ttl {
    pub(crate) start: Instant,
    pub(crate) duration: Duration,
}

impl Ttl {
    /// A validity of `seconds` from `start` on; `None` for 0, which Vault reports for what never expires.
    pub(crate) fn new(start: Instant, seconds: u64) -> Option<Self> {
        (seconds > 0).then(|| Self { start, duration: Duration::from_secs(seconds) })
    }

    pub(crate) fn end(&self) -> Instant {
        self.start
            .checked_add(self.duration)
            .unwrap_or_else(|| self.start + Duration::from_secs(u32::MAX.into()))
    }
}
