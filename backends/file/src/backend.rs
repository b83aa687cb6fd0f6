//! The vault: a folder of files.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::process::Attempt;
use cofferdam_vault::{
    BackendConfig, BlockingStore, BlockingVault, Capabilities, ExposeSecret as _, FieldName, Page, PageToken,
    Secret, SecretPath, StoreIdentity, Vault, VaultContext, VaultError, VaultInfo, Version, absolute_path,
};

use crate::config::Config;
use crate::folder::{Entries, Folder};
use crate::{diagnose, names};

/// A folder of files.
struct Store {
    info: VaultInfo,
    folder: Folder,
    /// The key of the hash in versions; never leaves the process.
    key: RandomState,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "file";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "folder";

    /// The file system of this machine.
    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([])
    }

    /// The absolute paths of the files: the folder of one vault may be below that of another.
    fn names(&self, base_dir: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String> {
        let folder = absolute_path(base_dir, &self.folder);
        let files = fields.iter().flat_map(|field| {
            let flat = names::flat(path, field).map(PathBuf::from);
            [Some(names::nested(path, field)), flat].into_iter().flatten()
        });
        files.map(|file| folder.join(file).display().to_string()).collect()
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let store = Store::new(context.resolve(&self.folder));
        Arc::new(BlockingVault::new(store, context.threads))
    }
}

impl Store {
    fn new(path: PathBuf) -> Self {
        let capabilities = Capabilities { list: true, ..Capabilities::default() };
        let location = path.display().to_string();
        Self {
            info: VaultInfo { backend: Config::BACKEND, location, sources: Vec::new(), capabilities },
            folder: Folder::new(path),
            key: RandomState::new(),
        }
    }

    /// A version for a store that has none. It changes with the state of each file, and with the values, because a file
    /// system may have a coarse clock. It is a hash under a key that never leaves the process, so that it does not help to
    /// guess a value.
    fn version(&self, entries: &Entries) -> Version {
        let states: Vec<_> = entries
            .iter()
            .map(|(field, entry)| (field, &entry.fingerprint, entry.value.expose_secret()))
            .collect();
        Version::new(format!("{:016x}", self.key.hash_one(states)))
    }
}

impl BlockingStore for Store {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read(&self, _: &Attempt, path: &SecretPath, fields: &[FieldName]) -> Result<Secret, VaultError> {
        let entries = self.folder.read(path, fields)?;
        let version = self.version(&entries);
        let fields = entries.into_iter().map(|(field, entry)| (field, entry.value)).collect();
        Ok(Secret { fields, version, valid_for: None, lease: None })
    }

    /// Returns one page: the whole folder is walked for each page, so more pages would repeat the work.
    fn list(
        &self,
        _: &Attempt,
        prefix: Option<&SecretPath>,
        _: Option<&PageToken>,
    ) -> Result<Page, VaultError> {
        Ok(Page::of_all(self.folder.list()?, prefix))
    }

    fn probe(&self, _: &Attempt) -> Result<(), VaultError> {
        self.folder.root().map(drop)
    }

    fn diagnose(&self, needs: &[SecretPath]) -> Diagnostics {
        diagnose::permissions(&self.folder, needs)
    }
}
