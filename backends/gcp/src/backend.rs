//! The vault: Secret Manager of Google Cloud.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::http::{Address, LoginClient};
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ConfiguredFile, ErrorKind, Expect, FieldName, Page, PageToken,
    Protection, Scope, Secret, SecretFields, SecretNames, SecretPath, SecretText, Stage, StoreIdentity,
    Threads, Vault, VaultContext, VaultError, VaultInfo, Version,
};

use crate::config::Config;
use crate::credentials::Source;
use crate::login::{GoogleLogin, Servers};
use crate::names::MAX_ID_BYTES;
use crate::secret_manager::{LATEST, SecretManager, subject};
use crate::version::version;
use crate::{diagnose, write};

/// The path of the secret that the probe asks for. It need not exist.
const PROBE: &str = "cofferdam-probe";

/// Secret Manager as a vault.
pub(crate) struct GcpVault {
    info: VaultInfo,
    names: SecretNames,
    has_prefix: bool,
    probe: String,
    store: SecretManager,
    source: Source,
    folder: PathBuf,
    threads: Threads,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "gcp";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "prefix";

    /// The service and the project. One with a number may be one with an ID.
    fn store(&self, _: &Path) -> StoreIdentity {
        let is_number = self.project.bytes().all(|byte| byte.is_ascii_digit());
        let (number, id) = match is_number {
            true => (Some(self.project.clone()), None),
            false => (None, Some(self.project.clone())),
        };
        StoreIdentity::new([Some(self.service()), number, id])
    }

    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![self.secret_names().name(path)]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let names = self.secret_names();
        let proxies = self.ambient;
        let source = match (&self.credentials_file, self.metadata) {
            (Some(path), _) => {
                let (path, name) = (context.resolve(path), "the credentials file");
                Source::File(ConfiguredFile::new(path, name, Protection::Secrecy))
            }
            (None, true) => Source::Metadata,
            (None, false) => {
                Source::ambient(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
            }
        };
        let (endpoint, insecure_http) = (self.login_endpoint.as_deref(), self.insecure_http);
        let client = Servers::new(endpoint, insecure_http, proxies, &context).and_then(|servers| {
            let address = Address::parse("endpoint", self.endpoint(), insecure_http)
                .map_err(|invalid| VaultError::vault(ErrorKind::Misconfigured, invalid.to_string()))?;
            let (folder, threads) = (context.base_dir.clone(), context.threads.clone());
            let login = GoogleLogin { source: source.clone(), folder, threads, servers };
            Ok(LoginClient::new(address, proxies, Arc::new(login), &context))
        });
        let store = SecretManager { client, project: self.project };
        let proxies = proxies.then(|| "proxies of the environment".to_owned());
        Arc::new(GcpVault {
            info: VaultInfo {
                backend: Self::BACKEND,
                location: format!("Secret Manager of the project {} at {}", store.project, store.location()),
                sources: std::iter::once(source.name()).chain(proxies).collect(),
                capabilities: Capabilities {
                    write: true,
                    list: true,
                    previous: true,
                    login: true,
                    ..Capabilities::default()
                },
            },
            names,
            has_prefix: self.prefix.is_some(),
            probe: format!("{}{PROBE}", crate::names::prefix(self.prefix.as_deref())),
            store,
            source,
            folder: context.base_dir,
            threads: context.threads,
        })
    }
}

impl GcpVault {
    /// The ID of the secret at `path`.
    fn id(&self, path: &SecretPath) -> Result<String, VaultError> {
        let id = self.names.name(path);
        if id.len() > MAX_ID_BYTES {
            let message = format!(
                "the ID of {path} would have more than {MAX_ID_BYTES} characters; name the secret in `secrets`"
            );
            return Err(VaultError::secret(ErrorKind::Unsupported, message));
        }
        Ok(id)
    }

    /// The number of the version before the latest one, of those that are enabled.
    async fn previous(&self, id: &str) -> Result<String, VaultError> {
        let latest = self.store.latest(id).await?;
        let enabled = self.store.newest_enabled(id).await?;
        let previous = enabled.into_iter().find(|number| *number < latest).map(|number| number.to_string());
        previous.ok_or_else(|| {
            let message = format!("{} has no previous version that is enabled", subject(id));
            VaultError::secret(ErrorKind::NotFound, message)
        })
    }
}

impl Vault for GcpVault {
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
            let id = self.id(path)?;
            let found = match stage {
                Stage::Current => self.store.access(&id, LATEST).await?,
                Stage::Previous => self.store.access(&id, &self.previous(&id).await?).await?,
            };
            let fields = SecretText::from_bytes(&found.bytes).select(subject(&id), fields)?;
            let version = version(&id, found.number, &found.bytes);
            Ok(Secret { fields, version, valid_for: None, lease: None })
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move {
            let text = SecretText::serialize(fields)?;
            write::write(&self.store, &self.id(path)?, text.as_bytes(), &expect).await
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move { write::delete(&self.store, &self.id(path)?, &expect).await })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let part = self.names.common_prefix(prefix);
            let (ids, next) = self.store.list(part.as_deref(), after.map(|token| token.0.as_str())).await?;
            let below = |path: &SecretPath| prefix.is_none_or(|prefix| path.starts_with(prefix));
            let paths = ids.iter().flat_map(|id| self.names.paths(id)).filter(below).collect();
            Ok(Page { paths, next: next.map(PageToken) })
        })
    }

    /// Asks for a secret that need not exist. "Not found" and "denied" also show that Secret Manager is reachable and accepts
    /// the login. So the probe needs no permission, and reads no secret.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            match self.store.etag(&self.probe).await {
                Err(failure) if failure.error.scope() == Scope::Vault => Err(failure.error),
                Ok(_) | Err(_) => Ok(()),
            }
        })
    }

    fn resource(&self, path: &SecretPath) -> Option<String> {
        Some(self.store.resource(&self.names.name(path)))
    }

    fn diagnose<'a>(
        &'a self,
        _: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            found.warning(
                "",
                "not verified: this backend was never run against Google Cloud, only against its API description",
                "check that each account below is present, and report what differs",
            );
            diagnose::login(&self.source, self.folder.clone(), &self.threads, found).await;
            diagnose::access(&self.store, self.has_prefix, foreign, found).await;
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        if let Ok(client) = &self.store.client {
            client.close();
        }
        Box::pin(async {})
    }
}

impl fmt::Debug for GcpVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcpVault").field("info", &self.info).finish_non_exhaustive()
    }
}
