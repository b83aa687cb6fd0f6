//! The vault: AWS Secrets Manager.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ConfiguredFile, Expect, FieldName, Page, PageToken, ReadRequest,
    Scope, Secret, SecretFields, SecretPath, SecretText, Stage, StoreIdentity, Threads, Vault, VaultContext,
    VaultError, VaultInfo, Version,
};

use crate::batch_reader::BatchReader;
use crate::config::Config;
use crate::content::Content;
use crate::names::Names;
use crate::network::Network;
use crate::session::SessionCache;
use crate::settings::Settings;
use crate::store::{CURRENT, PREVIOUS, Store};
use crate::{diagnose, write};

/// AWS Secrets Manager as a vault.
pub(crate) struct AwsVault {
    info: VaultInfo,
    names: Names,
    store: Store,
    batch_reader: BatchReader,
    recovery_window_days: u8,
    files: Vec<ConfiguredFile>,
    threads: Threads,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "aws";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "prefix";

    /// The service, the region and the account. Before a login only the ARN of a role names the account.
    fn store(&self, _: &Path) -> StoreIdentity {
        let account = self.assume_role.as_deref().and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
        StoreIdentity::new([Some(self.service()), self.region.clone(), account])
    }

    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![Names::new(self.prefix.clone()).name(path)]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let prefix = self.prefix.clone();
        let days = self.recovery_window_days();
        let settings = self.resolve(&context);
        let network = Network::new(context.host_resolver());
        Arc::new(AwsVault::new(settings, prefix, days, network, context.threads))
    }
}

impl AwsVault {
    pub(crate) fn new(
        settings: Settings,
        prefix: Option<String>,
        recovery_window_days: u8,
        network: Network,
        threads: Threads,
    ) -> Self {
        let location = settings.endpoint.clone().or_else(|| settings.region.clone());
        let location = location.unwrap_or_else(|| "the region of the AWS profile".to_owned());
        let below = prefix.as_ref().map_or_else(String::new, |prefix| format!(" below {prefix}/"));
        Self {
            info: VaultInfo {
                backend: Config::BACKEND,
                location: format!("Secrets Manager at {location}{below}"),
                sources: settings.sources(),
                capabilities: Capabilities {
                    write: true,
                    login: true,
                    list: true,
                    cas: true,
                    previous: true,
                    batch: true,
                    dynamic: false,
                    watch: false,
                },
            },
            names: Names::new(prefix),
            files: settings.files(),
            store: Store::new(SessionCache::new(settings, network, threads.clone())),
            threads,
            batch_reader: BatchReader::default(),
            recovery_window_days,
        }
    }
}

impl Vault for AwsVault {
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
            let name = self.names.name(path);
            let stage = match stage {
                Stage::Current => CURRENT,
                Stage::Previous => PREVIOUS,
            };
            let found = self.store.get(&name, stage).await?;
            let fields = Content::parse(found.text.as_deref().map(String::as_str)).select(&name, fields)?;
            Ok(Secret { fields, version: Version::new(found.version), valid_for: None, lease: None })
        })
    }

    fn read_many<'a>(
        &'a self,
        requests: &'a [ReadRequest],
    ) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(self.batch_reader.read(&self.store, &self.names, requests))
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move {
            let text = SecretText::serialize(fields)?;
            write::write(&self.store, &self.names.name(path), &text, &expect).await
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            write::delete(&self.store, &self.names.name(path), &expect, self.recovery_window_days).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let name_prefix = self.names.prefix_of(prefix);
            let after = after.map(|token| token.0.as_str());
            let (names, next) = self.store.list(name_prefix.as_deref(), after).await?;
            let below = |path: &SecretPath| prefix.is_none_or(|prefix| path.starts_with(prefix));
            let paths = names.iter().filter_map(|name| self.names.path(name)).filter(below).collect();
            Ok(Page { paths, next: next.map(PageToken) })
        })
    }

    /// Describes a secret that need not exist. "Not found" and "denied" also show that Secrets Manager is reachable and
    /// accepts the credentials. So the probe needs no permission, and reads no secret.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            match self.store.current_version(&self.names.probe()).await {
                Err(failure) if failure.error.scope() == Scope::Vault => Err(failure.error),
                Ok(_) | Err(_) => Ok(()),
            }
        })
    }

    fn resource(&self, path: &SecretPath) -> Option<String> {
        Some(self.names.name(path))
    }

    /// Does not check the needed secrets: only a read shows whether a read is allowed.
    fn diagnose<'a>(
        &'a self,
        _needed: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            found.extend(ConfiguredFile::diagnose(self.files.clone(), &self.threads).await);
            found.extend(diagnose::role(&self.store, self.names.has_prefix(), foreign).await);
        })
    }
}

impl fmt::Debug for AwsVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsVault").field("location", &self.info.location).finish_non_exhaustive()
    }
}
