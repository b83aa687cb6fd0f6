//! The vault: a folder of files.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ExposeSecret as _, FieldName, Page, PageToken, Secret,
    SecretPath, Stage, StoreIdentity, Threads, Vault, VaultContext, VaultError, VaultInfo, Version,
    absolute_path,
};

use crate::config::Config;
use crate::folder::{Entries, Folder};
use crate::{diagnose, names};

/// A folder of files as a vault.
pub(crate) struct FileVault {
    info: VaultInfo,
    folder: Arc<Folder>,
    threads: Threads,
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
        Arc::new(FileVault::new(context.resolve(&self.folder), context.threads))
    }
}

impl FileVault {
    fn new(path: PathBuf, threads: Threads) -> Self {
        let capabilities = Capabilities { list: true, ..Capabilities::default() };
        let location = path.display().to_string();
        Self {
            info: VaultInfo { backend: Config::BACKEND, location, sources: Vec::new(), capabilities },
            folder: Arc::new(Folder::new(path)),
            threads,
            key: RandomState::new(),
        }
    }

    /// Runs `work` on the compartment's threads.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let folder = Arc::clone(&self.folder);
        self.threads.run(move || work(&folder)).await
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

impl Vault for FileVault {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        Box::pin(async move {
            stage.require_current(&self.info.location)?;
            let (path, fields) = (path.clone(), fields.to_vec());
            let entries = self.run(move |folder| folder.read(&path, &fields)).await?;
            let version = self.version(&entries);
            let fields = entries.into_iter().map(|(field, entry)| (field, entry.value)).collect();
            Ok(Secret { fields, version, valid_for: None, lease: None })
        })
    }

    /// Returns one page: the whole folder is walked for each page, so more pages would repeat the work.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move { Ok(Page::of_all(self.run(Folder::list).await?, prefix)) })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.run(|folder| folder.root().map(drop)))
    }

    fn diagnose<'a>(
        &'a self,
        needed: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let needed = needed.to_vec();
            let check = move |folder: &Folder| Ok(diagnose::permissions(folder, &needed));
            // If no thread is free, the probe reports it.
            found.extend(self.run(check).await.unwrap_or_default());
        })
    }
}

impl fmt::Debug for FileVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileVault").field("info", &self.info).finish_non_exhaustive()
    }
}
