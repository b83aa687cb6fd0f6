//! What is asked of a vault, and what came back: the key and the value of everything in a compartment.

use std::sync::Arc;

use cofferdam_vault::{FieldName, Secret, SecretPath, Stage};
use tokio::time::Instant;

use super::later;
use super::lease::{LeaseGuard, life};
use crate::broker::Credential;

/// The secret of one account, of one user where the path has a `{user}`.
///
/// Fields are part of it: two modules may share a path and want different fields of it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::broker) struct Wanted {
    /// Where it lies.
    pub(in crate::broker) path: SecretPath,
    /// The module it is for.
    pub(in crate::broker) module: Arc<str>,
    /// The account it is for.
    pub(in crate::broker) account: Arc<str>,
    /// The fields that the credential needs.
    pub(in crate::broker) fields: Arc<[FieldName]>,
}

/// A credential, and when the vault answered it. Only an answer of the vault makes one: a failed check never makes
/// a secret younger.
#[derive(Debug, Clone)]
pub(super) struct Confirmed {
    /// The credential.
    pub(super) credential: Arc<Credential>,
    /// When the vault answered it, or last renewed its lease.
    pub(super) at: Instant,
    /// When the secret itself ends, where the store sets an end.
    pub(super) ends: Option<Instant>,
}

impl Confirmed {
    /// The vault's answer of just now; `lease` is the guard of its lease, where one is taken care of.
    pub(super) fn new(wanted: &Wanted, secret: Secret, stage: Stage, lease: Option<LeaseGuard>) -> Self {
        let at = Instant::now();
        let ends = life(&secret).map(|life| later(at, life));
        let (module, account) = (wanted.module.to_string(), wanted.account.to_string());
        let credential = Arc::new(Credential { module, account, stage, secret, lease });
        Self { credential, at, ends }
    }

    /// Whether the secret itself has ended.
    pub(super) fn expired(&self, now: Instant) -> bool {
        self.ends.is_some_and(|end| end <= now)
    }
}
