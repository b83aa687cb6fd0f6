//! The vault over a folder of files.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BoxFuture, Capabilities, ErrorKind, Expect, ExposeSecret as _, FieldName, Page, PageToken, Secret,
    SecretFields, SecretPath, Stage, Threads, Vault, VaultError, VaultInfo, Version,
};

use crate::examine;
use crate::folder::{Entries, Folder};

/// A folder of files as a vault.
pub(crate) struct FileVault {
    info: VaultInfo,
    folder: Arc<Folder>,
    threads: Threads,
    /// What versions are made with; never leaves the process.
    key: RandomState,
}

impl FileVault {
    pub(crate) fn new(path: PathBuf, threads: Threads) -> Self {
        let capabilities = Capabilities { list: true, ..Capabilities::default() };
        let location = path.display().to_string();
        Self {
            info: VaultInfo { backend: "file", location, capabilities },
            folder: Arc::new(Folder::new(path)),
            threads,
            key: RandomState::new(),
        }
    }

    /// Looks at the folder on a thread of the compartment's.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let folder = Arc::clone(&self.folder);
        self.threads.run(move || work(&folder)).await
    }

    /// A version for a store that has none: it changes with each file's state, and with the values, for a file system may
    /// count time in long steps. It is a digest under a key that only this process has, so that it helps nobody to guess.
    fn version(&self, entries: &Entries) -> Version {
        let states: Vec<_> =
            entries.iter().map(|(field, entry)| (field, &entry.stamp, entry.value.expose_secret())).collect();
        Version::new(format!("{:016x}", self.key.hash_one(states)))
    }

    fn read_only(&self) -> VaultError {
        let message =
            format!("{} is not written from here; change its files where they come from", self.info.location);
        VaultError::secret(ErrorKind::ReadOnly, message)
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
            if stage == Stage::Previous {
                let message = "files have no earlier state";
                return Err(VaultError::secret(ErrorKind::Unsupported, message));
            }
            let (path, fields) = (path.clone(), fields.to_vec());
            let entries = self.run(move |folder| folder.read(&path, &fields)).await?;
            let version = self.version(&entries);
            let fields = entries.into_iter().map(|(field, entry)| (field, entry.value)).collect();
            Ok(Secret { fields, version, valid_for: None, lease: None })
        })
    }

    fn write<'a>(
        &'a self,
        _path: &'a SecretPath,
        _fields: &'a SecretFields,
        _expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async { Err(self.read_only()) })
    }

    fn delete<'a>(&'a self, _path: &'a SecretPath, _expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async { Err(self.read_only()) })
    }

    /// All in one page: a folder is walked as a whole, and a page that began in the middle would walk it again.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let mut paths = self.run(Folder::list).await?;
            paths.retain(|path| prefix.is_none_or(|prefix| path.starts_with(prefix)));
            Ok(Page { paths: paths.into_iter().collect(), next: None })
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.run(|folder| folder.root().map(drop)))
    }

    fn diagnose<'a>(
        &'a self,
        needs: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let needs = needs.to_vec();
            let look = move |folder: &Folder| Ok(examine::exposed(folder, &needs));
            // A thread that cannot be had is the probe's to tell.
            found.extend(self.run(look).await.unwrap_or_default());
        })
    }
}

impl fmt::Debug for FileVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileVault").field("info", &self.info).finish_non_exhaustive()
    }
}
