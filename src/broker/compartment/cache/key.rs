//! The cache key: what identifies a secret in a compartment.

use std::sync::Arc;

use cofferdam_vault::{FieldName, SecretPath};

/// The key of one account's secret, and of one user's if the path contains the user.
///
/// The fields belong to the key because two modules may read different fields of one path.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    /// The path in the vault.
    pub(crate) path: SecretPath,
    /// The module that uses the secret.
    pub(crate) module: Arc<str>,
    /// The account that the secret belongs to.
    pub(crate) account: Arc<str>,
    /// The fields that the credential needs.
    pub(crate) fields: Arc<[FieldName]>,
}
