//! The vault: the items of one service in the keychain.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, Expect, FieldName, Page, PageToken, Secret, SecretFields,
    SecretPath, Stage, StoreIdentity, Vault, VaultContext, VaultError, VaultInfo, Version,
};

use crate::config::Config;
use crate::content::{self, Content};
use crate::error;
use crate::system::Keychain;

/// The items of one service as a vault.
struct KeychainVault {
    info: VaultInfo,
    keychain: Keychain,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "keychain";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "service";

    /// The keychain behind a session bus. One that the environment names may be any.
    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([self.bus_address.clone()])
    }

    /// Service and username of the item.
    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![format!("{} {path}", self.service)]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let location = format!("{}, service {}", Keychain::NAME, self.service);
        let capabilities = Capabilities { write: true, list: Keychain::LISTS, ..Capabilities::default() };
        let keychain = Keychain::new(self, context.threads);
        let sources = keychain.sources();
        let info = VaultInfo { backend: Self::BACKEND, location, sources, capabilities };
        Arc::new(KeychainVault { info, keychain })
    }
}

impl KeychainVault {
    /// The content of the item of `path`, if there is one.
    async fn content(&self, path: &SecretPath) -> Result<Option<Content>, VaultError> {
        let bytes = self.keychain.read(path).await?;
        Ok(bytes.map(|bytes| Content::parse(path, &bytes)))
    }

    /// Checks `expect` against the state now. A keychain has no operation that checks and writes at once.
    async fn check(&self, path: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        if *expect == Expect::Any {
            return Ok(());
        }
        let current = self.content(path).await?;
        let holds = match (expect, &current) {
            (Expect::Any, _) | (Expect::Absent, None) => true,
            (Expect::Version(expected), Some(content)) => content.version() == expected,
            (Expect::Absent, Some(_)) | (Expect::Version(_), None) => false,
        };
        if holds { Ok(()) } else { Err(error::conflict(path)) }
    }
}

impl Vault for KeychainVault {
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
            stage.require_current("a keychain")?;
            let content = self.content(path).await?;
            let content = content.ok_or_else(|| error::not_found(self.keychain.service(), path))?;
            let version = content.version().clone();
            let fields = content.select(path, fields)?;
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
            let (bytes, version) = content::serialize(path, fields)?;
            self.check(path, &expect).await?;
            self.keychain.write(path, bytes).await?;
            Ok(version)
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            self.check(path, &expect).await?;
            self.keychain.delete(path).await
        })
    }

    /// Returns one page: the keychain returns all items at once.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let usernames = self.keychain.usernames().await?;
            // Other programs may have items of this service, with any username.
            Ok(Page::of_all(usernames.iter().filter_map(|name| name.parse().ok()), prefix))
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.keychain.probe())
    }

    fn diagnose<'a>(
        &'a self,
        _: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.keychain.diagnose(found))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.keychain.close())
    }
}

impl fmt::Debug for KeychainVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeychainVault").field("info", &self.info).finish_non_exhaustive()
    }
}
