//! Watching a store for changes.

use std::time::Duration;

use crate::SecretPath;

/// The longest silence of a watch that works. A watch without an item for this long counts as broken: its connection may
/// be half-open.
///
/// Long enough for two requests that the server ends after 25 s, and short beside the default `cache_ttl` of five minutes.
pub const MAX_SILENCE: Duration = Duration::from_secs(60);

/// An item of [`Vault::watch`](crate::Vault::watch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing: the store has confirmed that it has reported every change so far.
    None,
    /// The secret at this path was written or deleted.
    Secret(SecretPath),
    /// Any secret may have changed: reports may have been lost.
    Any,
}
