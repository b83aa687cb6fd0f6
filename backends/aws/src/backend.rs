//! The vault over Secrets Manager.

use std::fmt;
use std::path::PathBuf;

use aws_sdk_secretsmanager::config::SharedHttpClient;
use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BoxFuture, Capabilities, Expect, FieldName, Page, PageToken, ReadRequest, Scope, Secret, SecretFields,
    SecretPath, Stage, Threads, Vault, VaultError, VaultInfo, Version,
};

use crate::content::{self, Content};
use crate::login::{Login, Settings};
use crate::many::Many;
use crate::names::Names;
use crate::store::{CURRENT, PREVIOUS, Store};
use crate::{examine, replace};

/// AWS Secrets Manager as a vault.
pub(crate) struct AwsVault {
    info: VaultInfo,
    names: Names,
    store: Store,
    many: Many,
    recovery_window_days: u8,
    files: Vec<(PathBuf, &'static str)>,
    threads: Threads,
}

impl AwsVault {
    pub(crate) fn new(
        settings: Settings,
        prefix: Option<String>,
        recovery_window_days: u8,
        http: SharedHttpClient,
        threads: Threads,
    ) -> Self {
        let place = settings.endpoint.clone().or_else(|| settings.region.clone());
        let place = place.unwrap_or_else(|| "the region of the AWS profile".to_owned());
        let below = prefix.as_ref().map_or_else(String::new, |prefix| format!(" below {prefix}/"));
        let files = [
            (&settings.config_file, "the AWS configuration file"),
            (&settings.credentials_file, "the AWS credentials file"),
        ];
        let files = files.into_iter().filter_map(|(path, what)| Some((path.clone()?, what))).collect();
        Self {
            info: VaultInfo {
                backend: "aws",
                location: format!("Secrets Manager at {place}{below}"),
                capabilities: Capabilities {
                    write: true,
                    list: true,
                    cas: true,
                    previous: true,
                    batch: true,
                    dynamic: false,
                },
            },
            names: Names::new(prefix),
            store: Store::new(Login::new(settings, http, threads.clone())),
            files,
            threads,
            many: Many::default(),
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
            let got = self.store.get(&name, stage).await?;
            let fields = Content::parse(got.text.as_deref().map(String::as_str)).select(&name, fields)?;
            Ok(Secret { fields, version: Version::new(got.version), valid_for: None, lease: None })
        })
    }

    fn read_many<'a>(&'a self, wanted: &'a [ReadRequest]) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(self.many.read(&self.store, &self.names, wanted))
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move {
            let text = content::render(fields)?;
            replace::write(&self.store, &self.names.name(path), &text, &expect).await
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            replace::delete(&self.store, &self.names.name(path), &expect, self.recovery_window_days).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let begin = self.names.listed(prefix);
            let after = after.map(|token| token.0.as_str());
            let (names, next) = self.store.list(begin.as_deref(), after).await?;
            let below = |path: &SecretPath| prefix.is_none_or(|prefix| path.starts_with(prefix));
            let paths = names.iter().filter_map(|name| self.names.path(name)).filter(below).collect();
            Ok(Page { paths, next: next.map(PageToken) })
        })
    }

    /// Asks to describe a secret that need not exist. That it is not there, or that we may not look, is an answer all the
    /// same: Secrets Manager is in reach and knows us. So the probe takes no permission, and reads no secret.
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

    /// What is needed is not asked for here: a read of it tells, and only a read.
    fn diagnose<'a>(
        &'a self,
        _needs: &'a [SecretPath],
        elsewhere: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            found.extend(examine::exposed(self.files.clone(), &self.threads).await);
            found.extend(examine::reach(&self.store, self.names.prefixed(), elsewhere).await);
        })
    }
}

impl fmt::Debug for AwsVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsVault").field("location", &self.info.location).finish_non_exhaustive()
    }
}
