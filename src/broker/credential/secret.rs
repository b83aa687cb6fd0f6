//! A credential: the secret of one account as the broker hands it to a connector.

use std::fmt;

use cofferdam_vault::{Secret, Stage, Version};

use super::derived::Derived;
use super::lease_guard::LeaseGuard;

/// The secret of one account.
///
/// Only the broker creates one, and only connectors read it.
pub struct Credential {
    /// The module it belongs to.
    pub module: String,
    /// The account it belongs to.
    pub account: String,
    /// Whether this is the current state of the secret or the previous one.
    pub stage: Stage,
    pub(crate) secret: Secret,
    /// Keeps the lease of the secret, if it has one, while this credential is in use.
    pub(crate) lease: Option<LeaseGuard>,
    /// What its connector has made of the secret.
    pub(crate) derived: Derived,
}

impl Credential {
    /// The version of the secret.
    pub fn version(&self) -> &Version {
        &self.secret.version
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("module", &self.module)
            .field("account", &self.account)
            .field("stage", &self.stage)
            .field("version", self.version())
            .finish_non_exhaustive()
    }
}
