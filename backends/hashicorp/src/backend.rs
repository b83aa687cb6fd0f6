//! The vault: each call is one attempt at the server, with the session of all.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BoxFuture, Capabilities, ErrorKind, Expect, FieldName, Lease, Page, PageToken, Secret, SecretFields,
    SecretPath, Stage, Threads, Vault, VaultContext, VaultError, VaultInfo, Version,
};
use vaultrs::api::sys::requests::ReadHealthRequest;

use crate::client::{Client, Namespace};
use crate::kv1::Kv1;
use crate::kv2::Kv2;
use crate::login::Door;
use crate::mount::Mount;
use crate::session::Sessions;
use crate::settings::{Kv, Settings, TlsFiles};
use crate::store::Store;
use crate::{certificates, dynamic, error, examine, lease, list, secret_id};

/// A vault in HashiCorp Vault or OpenBao.
pub(crate) struct HashicorpVault {
    info: VaultInfo,
    sessions: Arc<Sessions>,
    store: Store,
    paths: BTreeMap<SecretPath, String>,
    files: Vec<examine::Named>,
    secret_id: Option<secret_id::InFile>,
    tls: TlsFiles,
    threads: Threads,
}

impl HashicorpVault {
    pub(crate) fn new(settings: Settings, context: &VaultContext) -> Self {
        let server = settings.address.as_ref().map_or("no address", |address| &address.base).to_owned();
        let place = [Some(settings.mount.as_str()), settings.prefix.as_deref()];
        let place = place.into_iter().flatten().collect::<Vec<_>>().join("/");
        let files = examine::files(&settings);
        let secret_id = secret_id::InFile::of(&settings.login);
        let tls = settings.tls.clone();
        let client = Client::new(&settings, context.threads.clone());
        let door = Door::new(settings.login, context.threads.clone(), server.clone());
        let sessions = Arc::new(Sessions::new(client, door, server.clone()));
        let mount = Arc::new(Mount::new(Arc::clone(&sessions), settings.mount, settings.prefix, settings.kv));
        let versioned = settings.kv == Kv::V2;
        Self {
            info: VaultInfo {
                backend: "hashicorp",
                location: format!("{server} {place}"),
                capabilities: Capabilities {
                    write: true,
                    list: true,
                    cas: versioned,
                    previous: versioned,
                    batch: false,
                    dynamic: !settings.paths.is_empty(),
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

    /// `secret` with `fields` alone, or with all where none is named.
    fn pick(
        &self,
        path: &SecretPath,
        fields: &[FieldName],
        mut secret: Secret,
    ) -> Result<Secret, VaultError> {
        if fields.is_empty() {
            return Ok(secret);
        }
        let missing: Vec<&str> =
            fields.iter().filter(|name| !secret.fields.contains_key(name)).map(FieldName::as_str).collect();
        if !missing.is_empty() {
            let message = format!("{path} in {} has no field {}", self.info.location, missing.join(", "));
            return Err(VaultError::secret(ErrorKind::NotFound, message));
        }
        secret.fields.retain(|name, _| fields.contains(name));
        Ok(secret)
    }

    async fn read_dynamic(
        &self,
        path: &SecretPath,
        target: &str,
        fields: &[FieldName],
        stage: Stage,
    ) -> Result<Secret, VaultError> {
        if stage == Stage::Previous {
            let message = format!("{target} makes a secret for each read, and keeps none of before");
            return Err(VaultError::secret(ErrorKind::NotFound, message));
        }
        let secret = dynamic::read(&self.sessions, path, target).await?;
        let lease = secret.lease.clone();
        let picked = self.pick(path, fields, secret);
        if let (Err(_), Some(lease)) = (&picked, lease) {
            // The error of the read is the one that matters; the lease ends by itself where it is not ended here.
            let _ = lease::release(&self.sessions, &lease).await;
        }
        picked
    }

    fn read_only(&self, path: &SecretPath) -> Option<VaultError> {
        self.paths.get(path).map(|target| {
            let message =
                format!("{path} is read from {target} and cannot be written; take it out of `paths`");
            VaultError::secret(ErrorKind::ReadOnly, message)
        })
    }
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
                    let message = "version 1 of the key-value engine keeps no earlier state; use version 2";
                    return Err(VaultError::secret(ErrorKind::Unsupported, message));
                }
            };
            self.pick(path, fields, Secret { fields: found, version, valid_for: None, lease: None })
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
            self.leases()?;
            lease::renew(&self.sessions, lease).await
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            self.leases()?;
            lease::release(&self.sessions, lease).await
        })
    }

    /// Asks for the server's health, and logs in where nobody is: a read would need both.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            let request = ReadHealthRequest::default();
            let answer = self.sessions.client.send(&request, None, Namespace::Root).await?;
            error::of_health(&self.sessions.location, &answer)?;
            self.sessions.get().await.map(drop)
        })
    }

    fn resource(&self, path: &SecretPath) -> Option<String> {
        Some(self.paths.get(path).cloned().unwrap_or_else(|| self.store.mount().place(path)))
    }

    fn diagnose<'a>(
        &'a self,
        needs: &'a [SecretPath],
        elsewhere: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            found.extend(examine::exposed(self.files.clone(), &self.threads).await);
            found.extend(certificates::of_files(self.tls.clone(), &self.threads).await);
            found.extend(certificates::of_server(&self.sessions.client).await);
            let needs: Vec<_> = needs.iter().filter_map(|path| Some((path, self.resource(path)?))).collect();
            let elsewhere = elsewhere.iter().cloned().chain(self.store.mount().beside()).collect();
            let secret_id = self.secret_id.as_ref();
            found.extend(examine::login(&self.sessions, &self.threads, secret_id, &needs, elsewhere).await);
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.sessions.close())
    }
}

impl HashicorpVault {
    fn leases(&self) -> Result<(), VaultError> {
        if self.info.capabilities.dynamic {
            return Ok(());
        }
        let message = "this vault has no leases: its settings have no `paths`";
        Err(VaultError::secret(ErrorKind::Unsupported, message))
    }
}

impl Drop for HashicorpVault {
    /// Ends what runs in the background. What the server still holds for a vault that was not closed ends by itself.
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
