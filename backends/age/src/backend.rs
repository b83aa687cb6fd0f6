//! The vault: each call runs on the compartment's threads.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ErrorKind, Expect, FieldName, Page, PageToken, Secret,
    SecretFields, SecretPath, Stage, StoreIdentity, Threads, Vault, VaultContext, VaultError, VaultInfo,
    Version, absolute_path,
};

use crate::config::Config;
use crate::document::Document;
use crate::settings::Settings;
use crate::store::{Change, Store};

/// Maximum number of paths in a page of a listing.
const PAGE_PATHS: usize = 500;

/// A vault that is one age file.
pub(crate) struct AgeVault {
    info: VaultInfo,
    threads: Threads,
    store: Arc<Store>,
}

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
        Arc::new(AgeVault::new(settings, context))
    }
}

impl AgeVault {
    fn new(settings: Settings, context: VaultContext) -> Self {
        Self {
            info: VaultInfo {
                backend: Config::BACKEND,
                location: settings.file.display().to_string(),
                sources: vec![settings.keys.to_string()],
                capabilities: Capabilities { write: true, list: true, cas: true, ..Capabilities::default() },
            },
            threads: context.threads,
            store: Arc::new(Store::new(settings, context.prompt)),
        }
    }

    /// Runs `work` on the compartment's threads.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let store = Arc::clone(&self.store);
        self.threads.run(move || work(&store)).await
    }

    async fn change(
        &self,
        path: &SecretPath,
        fields: Option<&SecretFields>,
        expect: Expect,
    ) -> Result<Option<Version>, VaultError> {
        let (path, fields) = (path.clone(), fields.cloned());
        // Dropped with the caller's future, so that a writer that still waits for the lock stops.
        let caller = Arc::new(());
        let waiting = Arc::downgrade(&caller);
        let result = self.run(move |store| {
            let change = fields.as_ref().map_or(Change::Delete, Change::Put);
            store.change(&path, change, &expect, || waiting.strong_count() > 0)
        });
        let result = result.await;
        drop(caller);
        result
    }
}

impl Vault for AgeVault {
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
            self.run(move |store| store.contents()?.document.read(&path, &fields)).await
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move {
            match self.change(path, Some(fields), expect).await? {
                Some(version) => Ok(version),
                None => Err(VaultError::vault(
                    ErrorKind::Malformed,
                    format!("{path} was written, but the file does not contain it; check its file system"),
                )),
            }
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move { self.change(path, None, expect).await.map(drop) })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let (prefix, after) = (prefix.cloned(), after.cloned());
            self.run(move |store| Ok(page(&store.contents()?.document, prefix.as_ref(), after.as_ref())))
                .await
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.run(|store| store.contents().map(drop)))
    }

    /// Checks file permissions only. Whoever has the key may do everything with this file, and nothing with others.
    fn diagnose<'a>(
        &'a self,
        _: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        // If no thread is free, the probe reports it.
        Box::pin(
            async move { found.extend(self.run(|store| Ok(store.diagnose())).await.unwrap_or_default()) },
        )
    }
}

impl fmt::Debug for AgeVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeVault").field("info", &self.info).finish_non_exhaustive()
    }
}

/// The page after `after` of the paths at and below `prefix`.
fn page(document: &Document, prefix: Option<&SecretPath>, after: Option<&PageToken>) -> Page {
    let mut remaining = document
        .paths()
        .filter(|path| prefix.is_none_or(|prefix| path.starts_with(prefix)))
        .filter(|path| after.is_none_or(|after| path.as_str() > after.0.as_str()));
    let paths: Vec<SecretPath> = remaining.by_ref().take(PAGE_PATHS).cloned().collect();
    let next = remaining.next().and_then(|_| paths.last()).map(|last| PageToken(last.to_string()));
    Page { paths, next }
}
