//! The vault: one Key Vault of Azure.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use cofferdam_config::Diagnostics;
use cofferdam_vault::http::{
    Address, HttpClient, HttpSettings, LoginClient, TlsFiles, diagnose_certificate_files,
};
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ConfiguredFile, ErrorKind, Expect, ExposeSecret as _, FieldName,
    Page, PageToken, Scope, Secret, SecretFields, SecretNames, SecretPath, SecretText, Stage, StoreIdentity,
    Threads, Vault, VaultContext, VaultError, VaultInfo, Version,
};

use crate::cloud::Cloud;
use crate::config::Config;
use crate::key_vault::{KeyVault, Value, subject};
use crate::login::{AzureLogin, METADATA, Method};
use crate::names::MAX_NAME_BYTES;
use crate::{diagnose, write};

/// The path of the secret that the probe asks for. It need not exist.
const PROBE: &str = "cofferdam-probe";

/// A Key Vault as a vault.
pub(crate) struct AzureVault {
    info: VaultInfo,
    names: SecretNames,
    has_prefix: bool,
    probe: String,
    store: KeyVault,
    method: Option<Method>,
    threads: Threads,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "azure";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "prefix";

    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([self.vault()])
    }

    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![self.secret_names().name(path)]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let method = Method::new(&self, &context, &variable);
        let proxies = self.ambient.then(|| "proxies of the environment".to_owned());
        let sources = method.iter().map(Method::name).chain(proxies).collect();
        let store = KeyVault { client: method.clone().and_then(|method| client(&self, method, &context)) };
        Arc::new(AzureVault {
            info: VaultInfo {
                backend: Self::BACKEND,
                location: format!("Key Vault {}", store.location()),
                sources,
                capabilities: Capabilities {
                    write: true,
                    list: true,
                    previous: true,
                    login: true,
                    ..Capabilities::default()
                },
            },
            names: self.secret_names(),
            has_prefix: self.prefix.is_some(),
            probe: format!("{}{PROBE}", crate::names::prefix(self.prefix.as_deref())),
            store,
            method: method.ok(),
            threads: context.threads,
        })
    }
}

/// The client of the vault of `config`, which logs in by `method`.
fn client(config: &Config, method: Method, context: &VaultContext) -> Result<LoginClient, VaultError> {
    let address = |key, text: &str, insecure_http| {
        Address::parse(key, text, insecure_http)
            .map_err(|invalid| VaultError::vault(ErrorKind::Misconfigured, invalid.to_string()))
    };
    let vault = address("vault_url", &config.vault_url, config.insecure_http)?;
    let cloud = Cloud::of(&vault.base);
    // The metadata service is asked without a proxy: it is this machine's. It has no TLS.
    let (default, insecure_http, proxies) = match method {
        Method::ManagedIdentity { .. } => (METADATA, true, false),
        Method::Application { .. } => (cloud.authority, false, config.ambient),
    };
    let login = match &config.login_endpoint {
        Some(endpoint) => address("login_endpoint", endpoint, config.insecure_http)?,
        None => address("login_endpoint", default, insecure_http)?,
    };
    let settings = HttpSettings { address: login, redirects: Vec::new(), tls: TlsFiles::default(), proxies };
    let (http, threads) = (HttpClient::new(settings, context), context.threads.clone());
    let login = AzureLogin { method, resource: cloud.resource, http, threads };
    Ok(LoginClient::new(vault, config.ambient, Arc::new(login), context))
}

impl AzureVault {
    /// The name of the secret at `path`.
    fn name(&self, path: &SecretPath) -> Result<String, VaultError> {
        let name = self.names.name(path);
        if name.len() > MAX_NAME_BYTES {
            let message = format!(
                "the name of {path} would have more than {MAX_NAME_BYTES} characters; name the secret in `secrets`"
            );
            return Err(VaultError::secret(ErrorKind::Unsupported, message));
        }
        Ok(name)
    }

    /// Reads the version before the current one, of those that are enabled.
    ///
    /// Key Vault has no order of versions but the second in which each was created. If the two newest of them were created
    /// in the same second, neither is taken.
    async fn previous(&self, name: &str) -> Result<Value, VaultError> {
        let error = |kind, why: &str| VaultError::secret(kind, format!("{} {why}", subject(name)));
        let current = self.store.get(name, None).await?.entry;
        let mut versions = self.store.versions(name).await?;
        versions.retain(|version| {
            version.is_enabled()
                && version.version() != current.version()
                && version.created() <= current.created()
        });
        versions.sort_by_key(|version| std::cmp::Reverse(version.created()));
        let newest = match versions.as_slice() {
            [] => return Err(error(ErrorKind::NotFound, "has no previous version that is enabled")),
            [one, other, ..] if one.created() == other.created() => {
                let why =
                    "has two versions of the same second before its current one; disable the older of them";
                return Err(error(ErrorKind::Malformed, why));
            }
            [newest, ..] => newest,
        };
        Ok(self.store.get(name, newest.version()).await?)
    }
}

impl Vault for AzureVault {
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
            let name = self.name(path)?;
            let Value { entry, text } = match stage {
                Stage::Current => self.store.get(&name, None).await?,
                Stage::Previous => self.previous(&name).await?,
            };
            let now = SystemTime::now();
            entry.check(&subject(&name), now)?;
            let fields = SecretText::parse(text.expose_secret()).select(subject(&name), fields)?;
            let version = Version::new(entry.version().unwrap_or_default());
            Ok(Secret { fields, version, valid_for: entry.remaining(now), lease: None })
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
            write::write(&self.store, &self.name(path)?, &text, &expect).await
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move { write::delete(&self.store, &self.name(path)?, &expect).await })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let (entries, next) = self.store.list(after.map(|token| token.0.as_str())).await?;
            let now = SystemTime::now();
            let readable = entries.iter().filter(|entry| entry.check("", now).is_ok());
            let names = readable.filter_map(|entry| Some(entry.name()?.to_ascii_lowercase()));
            let below = |path: &SecretPath| prefix.is_none_or(|prefix| path.starts_with(prefix));
            let paths = names.flat_map(|name| self.names.paths(&name)).filter(below).collect();
            Ok(Page { paths, next: next.map(PageToken) })
        })
    }

    /// Asks for a secret that need not exist. "Not found" and "denied" also show that Key Vault is reachable and accepts the
    /// login. So the probe needs no permission.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            match self.store.get(&self.probe, None).await {
                Err(failure) if failure.error.scope() == Scope::Vault => Err(failure.error),
                Ok(_) | Err(_) => Ok(()),
            }
        })
    }

    fn resource(&self, path: &SecretPath) -> Option<String> {
        Some(diagnose::resource(&self.store, &self.names.name(path)))
    }

    fn diagnose<'a>(
        &'a self,
        needed: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            found.warning(
                "",
                "not verified: this backend was never run against Azure, only against its API description",
                "check that each account below is present, and report what differs",
            );
            if let Some(method) = &self.method {
                let files = method.file().into_iter().cloned().collect();
                found.extend(ConfiguredFile::diagnose(files, &self.threads).await);
                found.extend(diagnose_certificate_files(method.certificates(), &self.threads).await);
            }
            diagnose::access(&self.store, self.has_prefix, foreign, found).await;
            diagnose::expiry(&self.store, &self.names, needed, found).await;
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        if let Ok(client) = &self.store.client {
            client.close();
        }
        Box::pin(async {})
    }
}

impl fmt::Debug for AzureVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureVault").field("info", &self.info).finish_non_exhaustive()
    }
}
