//! The vault: each call is one attempt at the server, in a session that all calls share.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::http::{TlsFiles, diagnose_certificate_files};
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ConfiguredFile, ErrorKind, Expect, FieldName, JsonFields, Lease,
    Page, PageToken, Secret, SecretFields, SecretPath, Stage, StoreIdentity, Threads, UnusableFields, Vault,
    VaultContext, VaultError, VaultInfo, Version,
};

use crate::authenticator::Authenticator;
use crate::client::{Client, Namespace};
use crate::config::Config;
use crate::dynamic::DynamicSecret;
use crate::kv1::Kv1;
use crate::kv2::Kv2;
use crate::mount::Mount;
use crate::secret_id::SecretIdFile;
use crate::session_manager::SessionManager;
use crate::settings::{KvVersion, Settings};
use crate::store::Store;
use crate::{check, diagnose, dynamic, endpoint, error, list, resolve};

/// A vault in HashiCorp Vault or OpenBao.
pub(crate) struct HashicorpVault {
    info: VaultInfo,
    sessions: Arc<SessionManager>,
    store: Store,
    paths: BTreeMap<SecretPath, String>,
    files: Vec<ConfiguredFile>,
    secret_id: Option<SecretIdFile>,
    tls: TlsFiles,
    threads: Threads,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "hashicorp";

    fn check(&self) -> Diagnostics {
        check::check(self)
    }

    const PARTED_BY: &'static str = "prefix";

    /// The server. The namespace is part of the names, because a path may begin with it as well.
    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([self.server(&resolve::process_variable)])
    }

    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![self.api_path(path, &resolve::process_variable)]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let settings = resolve::resolve(self, &context, &resolve::process_variable);
        Arc::new(HashicorpVault::new(settings, &context))
    }
}

impl HashicorpVault {
    fn new(settings: Settings, context: &VaultContext) -> Self {
        let server = settings.address.as_ref().map_or("no address", |address| &address.base).to_owned();
        let folder = [Some(settings.mount.as_str()), settings.prefix.as_deref()];
        let folder = folder.into_iter().flatten().collect::<Vec<_>>().join("/");
        let files = diagnose::files(&settings);
        let sources = diagnose::sources(&settings, &files);
        let secret_id = SecretIdFile::from_method(&settings.auth);
        let tls = settings.tls.clone();
        let client = Client::new(&settings, context);
        let engines = engines(&settings.mount, settings.paths.values());
        let authenticator =
            Authenticator::new(settings.auth, context.threads.clone(), server.clone(), engines);
        let sessions = Arc::new(SessionManager::new(client, authenticator, server.clone()));
        let mount = Arc::new(Mount::new(Arc::clone(&sessions), settings.mount, settings.prefix, settings.kv));
        let versioned = settings.kv == KvVersion::V2;
        Self {
            info: VaultInfo {
                backend: Config::BACKEND,
                location: format!("{server} {folder}"),
                sources,
                capabilities: Capabilities {
                    write: true,
                    login: true,
                    list: true,
                    cas: versioned,
                    previous: versioned,
                    batch: false,
                    dynamic: !settings.paths.is_empty(),
                    watch: false,
                },
            },
            sessions,
            store: if versioned { Store::V2(Kv2(mount)) } else { Store::V1(Kv1(mount)) },
            paths: settings.paths,
            files,
            secret_id,
            tls,
            threads: context.threads.clone(),
        }
    }

    /// The fields `names` of the secret at `path`, or all of them if `names` is empty.
    fn select(
        &self,
        path: &SecretPath,
        names: &[FieldName],
        found: JsonFields,
    ) -> Result<SecretFields, VaultError> {
        let error =
            |unusable: UnusableFields| unusable.into_error(format!("{path} in {}", self.info.location));
        found.select(names).map_err(error)
    }

    async fn read_dynamic(
        &self,
        path: &SecretPath,
        target: &str,
        fields: &[FieldName],
        stage: Stage,
    ) -> Result<Secret, VaultError> {
        if stage == Stage::Previous {
            let message = format!(
                "{target} creates a secret for each read and keeps no previous state; read the current one"
            );
            return Err(VaultError::secret(ErrorKind::NotFound, message));
        }
        let DynamicSecret { fields: found, version, lease } =
            dynamic::read(&self.sessions, path, target).await?;
        match self.select(path, fields, found) {
            Ok(fields) => {
                let valid_for = lease.as_ref().map(|lease| lease.duration);
                Ok(Secret { fields, version, valid_for, lease })
            }
            Err(error) => {
                if let Some(lease) = lease {
                    // The error of the read matters more. If the release fails, the lease expires by itself.
                    let _ = dynamic::release(&self.sessions, &lease).await;
                }
                Err(error)
            }
        }
    }

    /// The error of a write or delete of `path`, if it is read from another engine.
    fn read_only(&self, path: &SecretPath) -> Option<VaultError> {
        self.paths.get(path).map(|target| {
            let message =
                format!("{path} is read from {target} and cannot be written; remove it from `paths`");
            VaultError::secret(ErrorKind::ReadOnly, message)
        })
    }

    fn require_leases(&self) -> Result<(), VaultError> {
        if self.info.capabilities.dynamic {
            return Ok(());
        }
        let message = "this vault has no leases, because its settings have no `paths`";
        Err(VaultError::secret(ErrorKind::Unsupported, message))
    }
}

/// The mount of the secrets, and one path in each other engine that secrets are read from.
fn engines<'p>(mount: &'p str, paths: impl Iterator<Item = &'p String>) -> Vec<String> {
    let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let others: BTreeMap<String, &String> = paths.map(|path| (first(path), path)).collect();
    std::iter::once(mount.to_owned()).chain(others.into_values().cloned()).collect()
}

impl Vault for HashicorpVault {
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
            if let Some(target) = self.paths.get(path) {
                return self.read_dynamic(path, target, fields, stage).await;
            }
            let (found, version) = match (stage, &self.store) {
                (Stage::Current, store) => store.read(path).await?,
                (Stage::Previous, Store::V2(kv)) => kv.read_previous(path).await?,
                (Stage::Previous, Store::V1(_)) => {
                    let message = "version 1 of the key-value engine keeps no previous state; use version 2";
                    return Err(VaultError::secret(ErrorKind::Unsupported, message));
                }
            };
            let fields = self.select(path, fields, found)?;
            Ok(Secret { fields, version, valid_for: None, lease: None })
        })
    }

    fn creates_lease(&self, path: &SecretPath) -> bool {
        self.paths.contains_key(path)
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move {
            match self.read_only(path) {
                Some(error) => Err(error),
                None => self.store.write(path, fields, expect).await,
            }
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            match self.read_only(path) {
                Some(error) => Err(error),
                None => self.store.delete(path, expect).await,
            }
        })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(list::page(&self.store, prefix, after))
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Lease, VaultError>> {
        Box::pin(async move {
            self.require_leases()?;
            dynamic::renew(&self.sessions, lease).await
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            self.require_leases()?;
            dynamic::release(&self.sessions, lease).await
        })
    }

    /// Requests the server's health, and logs in if there is no session: a read needs both.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            let response = self.sessions.client.send(&endpoint::health(), None, Namespace::Root).await?;
            error::check_health(&self.sessions.location, &response)?;
            self.sessions.get().await.map(drop)
        })
    }

    fn resource(&self, path: &SecretPath) -> Option<String> {
        Some(self.paths.get(path).cloned().unwrap_or_else(|| self.store.mount().policy_path(path)))
    }

    fn diagnose<'a>(
        &'a self,
        needed: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            found.extend(ConfiguredFile::diagnose(self.files.clone(), &self.threads).await);
            found.extend(diagnose_certificate_files(self.tls.clone(), &self.threads).await);
            found.extend(self.sessions.client.diagnose_certificate().await);
            let needed: Vec<_> =
                needed.iter().filter_map(|path| Some((path, self.resource(path)?))).collect();
            let foreign = foreign.iter().cloned().chain(self.store.mount().path_outside_folder()).collect();
            let secret_id = self.secret_id.as_ref();
            found.extend(diagnose::login(&self.sessions, &self.threads, secret_id, &needed, foreign).await);
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.sessions.close())
    }
}

impl Drop for HashicorpVault {
    /// Cancels the background tasks. What the server holds for a vault that was not closed expires by itself.
    fn drop(&mut self) {
        self.sessions.closing.cancel();
    }
}

impl fmt::Debug for HashicorpVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashicorpVault")
            .field("backend", &self.info.backend)
            .field("location", &self.info.location)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
