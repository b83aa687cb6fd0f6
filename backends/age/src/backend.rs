//! From the settings to the vault.

use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BlockingVault, Capabilities, FieldName, SecretPath, StoreIdentity, Vault, VaultContext,
    VaultInfo, absolute_path,
};

use crate::config::Config;
use crate::store::Store;

impl BackendConfig for Config {
    const BACKEND: &'static str = "age";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "file";

    fn store(&self, base_dir: &Path) -> StoreIdentity {
        let file = absolute_path(base_dir, &self.file);
        StoreIdentity::new([Some(file.display().to_string())])
    }

    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![path.to_string()]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let settings = self.resolve(&context);
        let info = VaultInfo {
            backend: Self::BACKEND,
            location: settings.file.display().to_string(),
            sources: vec![settings.keys.to_string()],
            capabilities: Capabilities { write: true, list: true, cas: true, ..Capabilities::default() },
        };
        let store = Store::new(info, settings, context.prompt);
        Arc::new(BlockingVault::new(store, context.threads))
    }
}
