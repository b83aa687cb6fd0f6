//! One secret of a copy: its source and its destination.

use std::fmt;
use std::sync::Arc;

use cofferdam_vault::{FieldName, Secret, SecretPath, Vault, VaultError};

use super::retry::{Attempts, with_timeout};
use crate::cli::secret::location::read_all_fields;

/// A secret to copy.
pub(super) struct Item {
    /// `MODULE/ACCOUNT`, or the path of a secret that no module of the profile uses.
    pub(super) name: String,
    pub(super) source: Arc<dyn Vault>,
    pub(super) path: SecretPath,
    /// The fields that the module needs. Empty if no module uses the secret.
    pub(super) required_fields: Vec<FieldName>,
    pub(super) destination: Destination,
}

/// Where a secret is copied to.
#[derive(Clone)]
pub(super) struct Destination {
    pub(super) vault_name: String,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) path: SecretPath,
}

impl Item {
    /// Reads the secret at the source with all of its fields. Retries if that may help.
    pub(super) async fn read_source(&self) -> Result<Option<Secret>, VaultError> {
        self.read(&*self.source, &self.path).await
    }

    /// Reads the secret at the destination with all of its fields. Retries if that may help.
    pub(super) async fn read_destination(&self) -> Result<Option<Secret>, VaultError> {
        self.read(&*self.destination.vault, &self.destination.path).await
    }

    /// Returns whether the destination may have more fields than the source shows: a source that cannot list the fields of a
    /// secret shows only the required ones.
    pub(super) fn allows_extra_fields(&self) -> bool {
        !self.source.info().capabilities.list
    }

    async fn read(&self, vault: &dyn Vault, path: &SecretPath) -> Result<Option<Secret>, VaultError> {
        let mut attempts = Attempts::default();
        loop {
            match with_timeout(read_all_fields(vault, path, &self.required_fields)).await {
                Err(error) if attempts.retry_after(&error).await => {}
                result => return result,
            }
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("name", &self.name)
            .field("destination", &format_args!("{}", self.destination))
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.path, self.vault_name)
    }
}
