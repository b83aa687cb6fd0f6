//! From the settings to the vault.

use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BlockingVault, Capabilities, FieldName, SecretPath, StoreIdentity, Vault, VaultContext,
    VaultInfo,
};

use crate::config::Config;
use crate::settings::Settings;
use crate::store::Store;

impl BackendConfig for Config {
    const BACKEND: &'static str = "command";

    fn check(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        Settings::new(self, Path::new(""), &mut found);
        found
    }

    const PARTED_BY: &'static str = "read";

    /// Whatever the programs of this machine reach.
    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([])
    }

    /// The commands that would run. Two different commands may still read one secret; only they know.
    fn names(&self, base_dir: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String> {
        let settings = Settings::new(self, base_dir, &mut Diagnostics::new());
        let read = &settings.read;
        let command = |field| {
            let arguments = read.arguments(path, field).ok()?;
            Some(format!("{} {}", read.program, arguments.join(" ")))
        };
        if settings.reads_one_field() {
            fields.iter().filter_map(|field| command(Some(field))).collect()
        } else {
            command(None).into_iter().collect()
        }
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        // What is wrong with the settings was refused by `check`.
        let settings = Settings::new(&self, &context.base_dir, &mut Diagnostics::new());
        let sources = match settings.variables.as_slice() {
            [] => Vec::new(),
            names => vec![format!("{} of the environment", names.join(", "))],
        };
        let capabilities = Capabilities {
            write: settings.change.is_some(),
            list: settings.list.is_some(),
            ..Capabilities::default()
        };
        let location = format!("the program {}", settings.read.program);
        let info = VaultInfo { backend: Self::BACKEND, location, sources, capabilities };
        Arc::new(BlockingVault::new(Store::new(info, settings), context.threads))
    }
}
