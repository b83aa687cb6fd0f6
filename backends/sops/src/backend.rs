//! The vault: each call runs `sops` on the compartment's threads.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::process::{Attempt, supervise};
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ErrorKind, Expect, FieldName, Page, PageToken, ReadRequest,
    Secret, SecretFields, SecretPath, Stage, StoreIdentity, Threads, Vault, VaultContext, VaultError,
    VaultInfo, Version, absolute_path,
};

use crate::config::Config;
use crate::format::Format;
use crate::names;
use crate::settings::Settings;
use crate::store::Store;

/// A vault that is one SOPS document.
pub(crate) struct SopsVault {
    info: VaultInfo,
    threads: Threads,
    store: Arc<Store>,
}

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
        Arc::new(SopsVault::new(settings, context.threads))
    }
}

impl SopsVault {
    fn new(settings: Settings, threads: Threads) -> Self {
        let write = settings.format == Format::Tables;
        let capabilities = Capabilities {
            write,
            list: settings.format != Format::Variables,
            cas: write,
            batch: true,
            ..Capabilities::default()
        };
        let location = settings.file.display().to_string();
        Self {
            info: VaultInfo { backend: Config::BACKEND, location, sources: settings.sources(), capabilities },
            threads,
            store: Arc::new(Store::new(settings)),
        }
    }

    /// Runs `work` on the compartment's threads. Its program is killed if the future is dropped.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &Attempt) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let store = Arc::clone(&self.store);
        supervise(&self.threads, move |attempt| work(&store, attempt)).await
    }
}

impl Vault for SopsVault {
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
            stage.require_current("a SOPS document")?;
            let (path, fields) = (path.clone(), fields.to_vec());
            self.run(move |store, attempt| store.read(attempt, &path, &fields)).await
        })
    }

    fn read_many<'a>(
        &'a self,
        requests: &'a [ReadRequest],
    ) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(async move {
            if requests.is_empty() {
                return Vec::new();
            }
            let all = requests.to_vec();
            let results = self.run(move |store, attempt| store.read_many(attempt, &all)).await;
            results.unwrap_or_else(|error| requests.iter().map(|_| Err(error.clone())).collect())
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        let (path, fields) = (path.clone(), fields.clone());
        Box::pin(async move {
            let change = self.run(move |store, attempt| store.change(attempt, &path, Some(&fields), &expect));
            change.await?.ok_or_else(|| {
                let message =
                    "the secret was written, but the document does not contain it; check its file system";
                VaultError::vault(ErrorKind::Malformed, message)
            })
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        let path = path.clone();
        Box::pin(async move {
            self.run(move |store, attempt| store.change(attempt, &path, None, &expect)).await.map(drop)
        })
    }

    /// Returns one page: the document is decrypted as a whole each time.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            if !self.info.capabilities.list {
                let message = "a dotenv document cannot be listed: its variables have no paths";
                return Err(VaultError::secret(ErrorKind::Unsupported, message));
            }
            Ok(Page::of_all(self.run(Store::list).await?, prefix))
        })
    }

    /// Opens the document: whether a key opens it is known only then.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.run(Store::probe))
    }

    /// Checks files only. Whoever has the key may do everything with this document, and nothing with others.
    fn diagnose<'a>(
        &'a self,
        needs: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        let needs = needs.to_vec();
        Box::pin(async move {
            // If no thread is free, the probe reports it.
            found.extend(self.run(move |store, _| Ok(store.diagnose(&needs))).await.unwrap_or_default());
        })
    }
}

impl fmt::Debug for SopsVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SopsVault").field("info", &self.info).finish_non_exhaustive()
    }
}
