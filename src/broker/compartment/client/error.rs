//! Why an attempt failed, and which side is to blame.

use cofferdam_vault::{ErrorKind, VaultError};

/// Why an attempt at the vault failed.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// A layer of the client rejected the attempt or cut it short. The vault is not to blame, and a retry would meet the
    /// same layer.
    Local(VaultError),
    /// The vault failed, or did not answer in time.
    Vault(VaultError),
}

impl AttemptError {
    /// A local error of kind `Unavailable`.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::Local(VaultError::vault(ErrorKind::Unavailable, message))
    }
}

impl From<AttemptError> for VaultError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Local(error) | AttemptError::Vault(error) => error,
        }
    }
}
