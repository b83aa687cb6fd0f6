//! The vault that a target reads from.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use cofferdam::broker::backends::VaultSettings as _;
use cofferdam_vault::{BackendConfig, Threads, Vault, VaultContext};

/// The threads of all vaults. Those of a vault that is gone would stay for some seconds more, and be reported as leaks at the
/// end of a run.
static THREADS: LazyLock<Threads> = LazyLock::new(|| Threads::new("fuzz", 4));

/// Opens the vault with these settings, whose files are in `folder`.
pub(crate) fn open<C: BackendConfig>(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    let config: C = toml::from_str(settings).unwrap();
    let context = VaultContext {
        name: "fuzz".to_owned(),
        base_dir: folder.to_owned(),
        threads: THREADS.clone(),
        prompt: None,
    };
    Box::new(config).into_vault(context)
}
