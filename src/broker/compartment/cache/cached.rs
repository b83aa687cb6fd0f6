//! A cached credential: what the vault returned, and when.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{Secret, Stage, VaultError};
use tokio::time::Instant;

use super::key::CacheKey;
use crate::broker::compartment::timing::saturating_add;
use crate::broker::credential::{Credential, Derived, LeaseGuard};

/// The result of reading one secret.
pub(crate) type ReadResult = Result<CachedCredential, VaultError>;

/// A credential, and when the vault confirmed it.
///
/// Only a response of the vault creates one, so a failed check never extends the life of a secret.
#[derive(Debug, Clone)]
pub(crate) struct CachedCredential {
    pub(crate) credential: Arc<Credential>,
    /// When the vault returned the secret, or last renewed its lease.
    pub(crate) confirmed_at: Instant,
    /// When the secret expires. `None` if the store sets no expiry.
    pub(crate) expires_at: Option<Instant>,
}

impl CachedCredential {
    /// Wraps a secret that the vault has just returned. `lease` is the guard of its lease, if the lease is managed.
    pub(crate) fn new(key: &CacheKey, secret: Secret, stage: Stage, lease: Option<LeaseGuard>) -> Self {
        let confirmed_at = Instant::now();
        let expires_at = lifetime(&secret).map(|lifetime| saturating_add(confirmed_at, lifetime));
        let (module, account) = (key.module.to_string(), key.account.to_string());
        let credential =
            Arc::new(Credential { module, account, stage, secret, lease, derived: Derived::default() });
        Self { credential, confirmed_at, expires_at }
    }

    /// Whether the secret has expired.
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether the credential has a managed lease.
    pub(crate) fn is_leased(&self) -> bool {
        self.credential.lease.is_some()
    }
}

/// How long a secret is valid: the shorter of its own validity and the duration of its lease. `None` if it has neither.
pub(crate) fn lifetime(secret: &Secret) -> Option<Duration> {
    let lease = secret.lease.as_ref().map(|lease| lease.duration);
    lease.into_iter().chain(secret.valid_for).min()
}
