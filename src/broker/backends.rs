//! Which backends there are. The one place that names a concrete one.

use std::fmt;
use std::sync::Arc;

use cofferdam_vault::{BackendConfig, ConfigProblem, FieldName, SecretPath, Vault, VaultContext};
use schemars::{Schema, SchemaGenerator};

/// A backend's settings, read and checked, that have yet to become a vault.
///
/// The object-safe face of a [`BackendConfig`].
pub trait VaultSettings: Send {
    /// See [`BackendConfig::collisions`].
    fn collisions(&self, wanted: &[(SecretPath, Vec<FieldName>)]) -> Vec<ConfigProblem>;
    /// See [`BackendConfig::refuses_users`].
    fn refuses_users(&self) -> Option<&'static str>;
    /// See [`BackendConfig::into_vault`].
    fn into_vault(self: Box<Self>, context: VaultContext) -> Arc<dyn Vault>;
}

impl<C: BackendConfig> VaultSettings for C {
    fn collisions(&self, wanted: &[(SecretPath, Vec<FieldName>)]) -> Vec<ConfigProblem> {
        BackendConfig::collisions(self, wanted)
    }

    fn refuses_users(&self) -> Option<&'static str> {
        BackendConfig::refuses_users(self)
    }

    fn into_vault(self: Box<Self>, context: VaultContext) -> Arc<dyn Vault> {
        BackendConfig::into_vault(*self, context)
    }
}

impl fmt::Debug for dyn VaultSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultSettings")
    }
}

/// One kind of vault.
#[derive(Debug)]
pub struct Backend {
    /// Its name in a profile.
    pub name: &'static str,
    /// How to make one; `None` where the backend was compiled out.
    pub compiled: Option<Compiled>,
}

/// What a compiled-in backend can do with a profile's table.
#[derive(Debug)]
pub struct Compiled {
    /// Reads a `[vaults.NAME]` table without the walls' keys.
    pub read: fn(toml::Table) -> Result<Box<dyn VaultSettings>, Vec<ConfigProblem>>,
    /// The JSON schema of the table.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}
