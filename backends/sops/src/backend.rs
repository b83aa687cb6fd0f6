//! From the settings to the vault.

use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BlockingVault, Capabilities, FieldName, SecretPath, StoreIdentity, Vault, VaultContext,
    VaultInfo, absolute_path,
};

use crate::config::Config;
use crate::format::Format;
use crate::names;
use crate::settings::Settings;
use crate::store::Store;

impl BackendConfig for Config {
    const BACKEND: &'static str = "sops";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "file";

    fn store(&self, base_dir: &Path) -> StoreIdentity {
        StoreIdentity::new([Some(absolute_path(base_dir, &self.file).display().to_string())])
    }

    fn names(&self, _: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String> {
        match Format::of(&self.file) {
            Some(Format::Variables) => fields.iter().map(|field| names::variable(path, field)).collect(),
            _ => vec![path.to_string()],
        }
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let settings = Settings::new(self, &context);
        let write = settings.format == Format::Tables;
        let capabilities = Capabilities {
            write,
            list: settings.format != Format::Variables,
            cas: write,
            batch: true,
            ..Capabilities::default()
        };
        let location = settings.file.display().to_string();
        let info = VaultInfo { backend: Self::BACKEND, location, sources: settings.sources(), capabilities };
        Arc::new(BlockingVault::new(Store::new(info, settings), context.threads))
    }
}
