//! The vault: each call is one attempt at the API server.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BoxFuture, BoxStream, Capabilities, Change, Expect, FieldName, Page, PageToken, Secret,
    SecretFields, SecretPath, Stage, StoreIdentity, Vault, VaultContext, VaultError, VaultInfo, Version,
};

use crate::api::{Api, Name};
use crate::config::Config;
use crate::connection::Connector;
use crate::watch::LastVersion;
use crate::{diagnose, list, object, watch, write};

/// The Secrets of a namespace as a vault.
pub(crate) struct KubernetesVault {
    info: VaultInfo,
    connector: Connector,
    /// The namespace in the settings.
    namespace: Option<String>,
    watched: LastVersion,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "kubernetes";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "namespace";

    /// The namespace. Only a connection could tell the cluster: two kubeconfigs may name one.
    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([self.namespace.clone()])
    }

    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![Name::new(path).0]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let source = self.source(&context);
        let namespace = self.namespace.as_deref();
        Arc::new(KubernetesVault {
            info: VaultInfo {
                backend: Self::BACKEND,
                location: source.location(namespace),
                sources: source.sources(namespace),
                capabilities: Capabilities {
                    write: true,
                    list: true,
                    cas: true,
                    login: true,
                    watch: true,
                    ..Capabilities::default()
                },
            },
            connector: Connector::new(source, self.namespace.clone(), context),
            namespace: self.namespace,
            watched: LastVersion::default(),
        })
    }
}

impl KubernetesVault {
    async fn api(&self) -> Result<Api<'_>, VaultError> {
        Api::connect(&self.connector).await
    }

    async fn read_secret(&self, path: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        let (api, name) = (self.api().await?, Name::new(path));
        let response = match api.read(&name).await? {
            Ok(response) => response,
            Err(status) => return Err(api.refused(status, &name, "a read", "get")),
        };
        let object = object::secret(&response).ok_or_else(|| api.unexpected("a read"))?;
        object.into_secret(&api.title(&name), names)
    }
}

impl Vault for KubernetesVault {
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
            stage.require_current("Kubernetes")?;
            self.read_secret(path, fields).await
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move { write::write(&self.api().await?, path, fields, expect).await })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move { write::delete(&self.api().await?, path, expect).await })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move { list::page(&self.api().await?, prefix, after).await })
    }

    fn watch(&self) -> BoxStream<'_, Result<Change, VaultError>> {
        watch::watch(&self.connector, &self.watched)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async { self.api().await?.ready().await })
    }

    /// The namespace and the name, as roles have them.
    fn resource(&self, path: &SecretPath) -> Option<String> {
        diagnose::resource(self.namespace.as_deref(), path)
    }

    fn diagnose<'a>(
        &'a self,
        needed: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(diagnose::diagnose(&self.connector, needed, foreign, found))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        // Its idle connections are closed with it.
        self.connector.discard();
        Box::pin(async {})
    }
}

impl fmt::Debug for KubernetesVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesVault").field("info", &self.info).finish_non_exhaustive()
    }
}
