//! The vault that a target reads from.

use std::path::Path;
use std::sync::Arc;

use cofferdam::broker::backends::VaultSettings as _;
use cofferdam_vault::{BackendConfig, Threads, Vault, VaultContext};

/// Opens the vault with these settings, whose files are in `folder`.
pub(crate) fn open<C: BackendConfig>(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    let config: C = toml::from_str(settings).unwrap();
    let context = VaultContext {
        name: "fuzz".to_owned(),
        base_dir: folder.to_owned(),
        threads: Threads::new("fuzz", 1),
        prompt: None,
    };
    Box::new(config).into_vault(context)
}
