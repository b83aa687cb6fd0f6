//! A store whose operations block, as a vault: each call runs on the threads of its compartment.

use std::fmt;
use std::sync::Arc;

use cofferdam_config::Diagnostics;

use crate::process::{Attempt, supervise};
use crate::vault::{not_listed, read_only};
use crate::{
    BoxFuture, Expect, FieldName, Page, PageToken, ReadRequest, Secret, SecretFields, SecretPath, Stage,
    Threads, Vault, VaultError, VaultInfo, Version,
};

/// A store whose operations block. [`BlockingVault`] makes it a [`Vault`]; what an operation returns, and its errors, are
/// those of the vault's method of that name.
///
/// It keeps no previous state of a secret, and has no leases. If the caller leaves, `attempt` is cancelled: its program is
/// killed, and what waits should stop waiting. The operation is not interrupted otherwise.
pub trait BlockingStore: Send + Sync + 'static {
    /// The vault's description. Constant.
    fn info(&self) -> &VaultInfo;

    /// Reads `fields` of the secret at `path`, or all of them if `fields` is empty.
    ///
    /// # Errors
    ///
    /// See [`Vault::read`].
    fn read(&self, attempt: &Attempt, path: &SecretPath, fields: &[FieldName]) -> Result<Secret, VaultError>;

    /// Reads several secrets. One by one by default.
    fn read_many(&self, attempt: &Attempt, requests: &[ReadRequest]) -> Vec<Result<Secret, VaultError>> {
        requests.iter().map(|request| self.read(attempt, &request.path, &request.fields)).collect()
    }

    /// Replaces the secret at `path` if `expect` holds. By default the store is read-only.
    ///
    /// # Errors
    ///
    /// See [`Vault::write`].
    fn write(
        &self,
        attempt: &Attempt,
        path: &SecretPath,
        fields: &SecretFields,
        expect: &Expect,
    ) -> Result<Version, VaultError> {
        let _ = (attempt, path, fields, expect);
        Err(read_only(self.info()))
    }

    /// Deletes the secret at `path` if `expect` holds. By default the store is read-only.
    ///
    /// # Errors
    ///
    /// See [`Vault::delete`].
    fn delete(&self, attempt: &Attempt, path: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        let _ = (attempt, path, expect);
        Err(read_only(self.info()))
    }

    /// Lists the secrets at and below `prefix`, one page at a time. By default the store cannot be listed.
    ///
    /// # Errors
    ///
    /// See [`Vault::list`].
    fn list(
        &self,
        attempt: &Attempt,
        prefix: Option<&SecretPath>,
        after: Option<&PageToken>,
    ) -> Result<Page, VaultError> {
        let _ = (attempt, prefix, after);
        Err(not_listed(self.info()))
    }

    /// Checks cheaply whether the store can be used.
    ///
    /// # Errors
    ///
    /// See [`Vault::probe`].
    fn probe(&self, attempt: &Attempt) -> Result<(), VaultError>;

    /// Diagnoses the store for an operator. See [`Vault::diagnose`].
    fn diagnose(&self, needs: &[SecretPath]) -> Diagnostics;
}

/// A [`BlockingStore`] as a vault.
pub struct BlockingVault<S> {
    store: Arc<S>,
    threads: Threads,
}

impl<S: BlockingStore> BlockingVault<S> {
    /// The vault of `store`, whose operations run on `threads`.
    pub fn new(store: S, threads: Threads) -> Self {
        Self { store: Arc::new(store), threads }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&S, &Attempt) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let store = Arc::clone(&self.store);
        supervise(&self.threads, move |attempt| work(&store, attempt)).await
    }
}

impl<S: BlockingStore> Vault for BlockingVault<S> {
    fn info(&self) -> &VaultInfo {
        self.store.info()
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        Box::pin(async move {
            stage.require_current(&self.info().location)?;
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
            let results = self.run(move |store, attempt| Ok(store.read_many(attempt, &all))).await;
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
        Box::pin(self.run(move |store, attempt| store.write(attempt, &path, &fields, &expect)))
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        let path = path.clone();
        Box::pin(self.run(move |store, attempt| store.delete(attempt, &path, &expect)))
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        let (prefix, after) = (prefix.cloned(), after.cloned());
        Box::pin(self.run(move |store, attempt| store.list(attempt, prefix.as_ref(), after.as_ref())))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.run(S::probe))
    }

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

impl<S: BlockingStore> fmt::Debug for BlockingVault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingVault").field("info", self.info()).finish_non_exhaustive()
    }
}
