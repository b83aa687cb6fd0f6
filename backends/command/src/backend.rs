//! The vault: each call runs its commands on the compartment's threads.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::process::{Attempt, supervise};
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, Expect, FieldName, Page, PageToken, Secret, SecretFields,
    SecretPath, Stage, StoreIdentity, Threads, Vault, VaultContext, VaultError, VaultInfo, Version,
};

use crate::config::Config;
use crate::settings::Settings;
use crate::store::Store;

/// A store with a command line as a vault.
pub(crate) struct CommandVault {
    info: VaultInfo,
    threads: Threads,
    store: Arc<Store>,
}

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
        Arc::new(CommandVault::new(settings, context.threads))
    }
}

impl CommandVault {
    fn new(settings: Settings, threads: Threads) -> Self {
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
        Self {
            info: VaultInfo { backend: Config::BACKEND, location, sources, capabilities },
            threads,
            store: Arc::new(Store::new(settings)),
        }
    }

    /// Runs `work` on the compartment's threads. Its programs are killed if the future is dropped.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &Attempt) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let store = Arc::clone(&self.store);
        supervise(&self.threads, move |attempt| work(&store, attempt)).await
    }
}

impl Vault for CommandVault {
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
            stage.require_current("a command")?;
            if fields.is_empty() && !self.info.capabilities.list {
                let version = Version::new("none");
                return Ok(Secret { fields: SecretFields::new(), version, valid_for: None, lease: None });
            }
            let (path, fields) = (path.clone(), fields.to_vec());
            self.run(move |store, attempt| store.read(attempt, &path, &fields)).await
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        let (path, fields) = (path.clone(), fields.clone());
        Box::pin(self.run(move |store, attempt| store.write(attempt, &path, &fields, &expect)))
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        let path = path.clone();
        Box::pin(self.run(move |store, attempt| store.delete(attempt, &path, &expect)))
    }

    /// Returns one page: the command lists everything each time.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move { Ok(Page::of_all(self.run(Store::list).await?, prefix)) })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.run(Store::probe))
    }

    /// Runs no program: nothing can be asked of one that is not known.
    fn diagnose<'a>(
        &'a self,
        _: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // If no thread is free, the probe reports it.
            found.extend(self.run(|store, _| Ok(store.diagnose())).await.unwrap_or_default());
        })
    }
}

impl fmt::Debug for CommandVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandVault").field("info", &self.info).finish_non_exhaustive()
    }
}
