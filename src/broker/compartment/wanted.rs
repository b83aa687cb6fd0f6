//! What is asked of a vault, and what came back: the key and the value of everything in a compartment.

use std::sync::Arc;

use cofferdam_vault::{FieldName, Secret, SecretPath, Stage};
use tokio::time::Instant;

use super::later;
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

impl Wanted {
    /// The vault's answer of just now.
    pub(super) fn confirmed(&self, secret: Secret, stage: Stage) -> Confirmed {
        let credential =
            Credential { module: self.module.to_string(), account: self.account.to_string(), stage, secret };
        Confirmed { credential: Arc::new(credential), at: Instant::now() }
    }
}

/// A credential, and when the vault answered it. Only an answer of the vault makes one: a failed check never makes
/// a secret younger.
#[derive(Debug, Clone)]
pub(super) struct Confirmed {
    /// The credential.
    pub(super) credential: Arc<Credential>,
    /// When the vault answered it.
    pub(super) at: Instant,
}

impl Confirmed {
    /// When the secret itself ends, where the store sets an end.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        self.credential.secret.valid_for.map(|life| later(self.at, life))
    }

    /// Whether the secret itself has ended.
    pub(super) fn expired(&self, now: Instant) -> bool {
        self.expires_at().is_some_and(|end| end <= now)
    }
}
