//! A backend's settings, and how they turn into a vault.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::{FieldName, HostResolver, NamesOf, SecretPath, StoreIdentity, Threads, Vault};

/// The number of look-ups that a vault may run at once: of its server, and of another name that its login needs.
const LOOKUPS: usize = 2;

/// A backend's settings: its own keys in a `[vaults.NAME]` table.
///
/// Implementations derive `Deserialize` with `deny_unknown_fields`, and document every key's default and what zero and
/// absent mean. The documentation becomes part of the profile's JSON schema.
pub trait BackendConfig: DeserializeOwned + JsonSchema + Send + 'static {
    /// The backend's name in a profile.
    const BACKEND: &'static str;

    /// Everything that is wrong with these settings by themselves. Touches no file and no network.
    ///
    /// The keys are those of this table: `auth.secret_id_file`. The caller adds the table's name and the location.
    fn check(&self) -> Diagnostics;

    /// The key that parts two vaults over one store: with different values, their secrets have different
    /// [names](Self::names).
    const PARTED_BY: &'static str;

    /// Which store this is. Touches no file and no network; relative paths are relative to `base_dir`.
    fn store(&self, base_dir: &Path) -> StoreIdentity;

    /// The names in the store that a read of `fields` of the secret at `path` may read, in the store's own form. Touches no
    /// file and no network; relative paths are relative to `base_dir`.
    ///
    /// Two secrets with a common name, in vaults whose [stores](Self::store) may be the same, are one secret. A profile in
    /// which two modules have one is refused: each could send the other's credential to its own service.
    fn names(&self, base_dir: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String>;

    /// Why this vault cannot serve a path template that contains `{user}`; `None` if it can.
    fn refuses_users(&self) -> Option<&'static str> {
        None
    }

    /// Turns the settings into a vault. Touches no file and no network: what is wrong there is reported by the first
    /// read or probe, so that a missing file disables the modules of this vault and not the server.
    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault>;
}

/// What a vault needs besides its settings.
#[derive(Debug, Clone)]
pub struct VaultContext {
    /// The vault's name in the profile.
    pub name: String,
    /// The folder that relative paths are relative to: the profile file's.
    pub base_dir: PathBuf,
    /// Where blocking work (files, key derivation) runs: the compartment's own threads.
    pub threads: Threads,
    /// How to ask a person; `None` if there is no terminal, as in `serve`.
    pub prompt: Option<Arc<dyn Prompt>>,
}

impl VaultContext {
    /// `path` resolved against the profile's folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.base_dir.join(path)
    }

    /// A resolver for the vault's connections, on threads of its own: look-ups that hang occupy none of `threads`, which
    /// read files.
    pub fn host_resolver(&self) -> HostResolver {
        HostResolver::new(NamesOf::Vault(self.name.clone()), LOOKUPS)
    }
}

/// Asks a person on the terminal for a secret, without echo.
pub trait Prompt: std::fmt::Debug + Send + Sync {
    /// Shows `question` and returns what was typed. Blocks; called on [`Threads`].
    ///
    /// # Errors
    ///
    /// If there is no terminal, or it was closed.
    fn secret(&self, question: &str) -> std::io::Result<SecretString>;
}
