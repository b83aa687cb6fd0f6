//! The vault: each call is one attempt at the Connect server.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::http::TokenClient;
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ErrorKind, FieldName, Page, PageToken, Secret, SecretPath, Stage,
    StoreIdentity, Vault, VaultContext, VaultError, VaultInfo, Version,
};

use crate::config::{Config, Name};
use crate::connect::Connect;
use crate::diagnose;
use crate::item::{Item, NamedFields};

/// A vault of 1Password.
pub(crate) struct OnePasswordVault {
    info: VaultInfo,
    connect: Connect,
    items: BTreeMap<String, String>,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "onepassword";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "vault";

    /// The server and the vault. One with a title may be one with an ID.
    fn store(&self, _: &Path) -> StoreIdentity {
        let (id, title) = match Name::new(&self.vault) {
            Name::Id(id) => (Some(id), None),
            Name::Title(title) => (None, Some(title)),
        };
        StoreIdentity::new([self.keys().server(), id, title])
    }

    fn names(&self, _: &Path, path: &SecretPath, _: &[FieldName]) -> Vec<String> {
        vec![Name::of_item(&self.items, path).as_str().to_owned()]
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let client = TokenClient::new(self.keys(), "1Password Connect", &context);
        let vault = Name::new(&self.vault);
        Arc::new(OnePasswordVault {
            info: VaultInfo {
                backend: Self::BACKEND,
                location: format!("vault `{}` at {}", vault.as_str(), client.location()),
                sources: client.sources(),
                capabilities: Capabilities { list: true, ..Capabilities::default() },
            },
            connect: Connect { client, vault },
            items: self.items,
        })
    }
}

impl OnePasswordVault {
    async fn read_item(&self, path: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        let name = Name::of_item(&self.items, path);
        let at = format!("item `{}` in {}", name.as_str(), self.info.location);
        let error = |kind, why: &str| VaultError::secret(kind, format!("{at} {why}"));
        let absent = || error(ErrorKind::NotFound, "does not exist; create it, or correct `items`");
        let vault = self.connect.vault_id().await?;
        let id = match &name {
            Name::Id(id) => id.clone(),
            Name::Title(title) => match self.connect.items(&vault, Some(title)).await?.as_slice() {
                [item] => item.id.clone(),
                [] => return Err(absent()),
                _ => {
                    let why = "exists more than once; rename the others, or name one by its ID in `items`";
                    return Err(error(ErrorKind::Malformed, why));
                }
            },
        };
        let response = self.connect.item(&vault, &id).await?.ok_or_else(absent)?;
        let item: Item<'_> =
            response.json().map_err(|_| self.connect.client.malformed("a read of an item"))?;
        let NamedFields { fields, ambiguous } = item.named_fields();
        let is_read = |name: &&String| match names {
            [] => fields.has_member(name),
            names => names.iter().any(|field| field.as_str() == **name),
        };
        if let Some(name) = ambiguous.iter().find(is_read) {
            let why = format!("has more than one field {name}; rename the others, or read SECTION.{name}");
            return Err(error(ErrorKind::Malformed, &why));
        }
        let fields = fields.select(names).map_err(|unusable| unusable.into_error(&at))?;
        let version = Version::new(format!("{}.{}", item.id, item.version));
        Ok(Secret { fields, version, valid_for: None, lease: None })
    }

    /// The items at and below `prefix`.
    async fn page(&self, prefix: Option<&SecretPath>) -> Result<Page, VaultError> {
        let items = self.connect.items(&self.connect.vault_id().await?, None).await?;
        let named = |name: &str| items.iter().any(|item| item.id == name || item.title == name);
        let mapped = self.items.iter().filter(|(_, item)| named(item)).map(|(path, _)| path.as_str());
        let titles =
            items.iter().map(|item| item.title.as_str()).filter(|title| !self.items.contains_key(*title));
        Ok(Page::of_all(mapped.chain(titles).filter_map(|path| path.parse().ok()), prefix))
    }
}

impl Vault for OnePasswordVault {
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
            stage.require_current("Connect")?;
            self.read_item(path, fields).await
        })
    }

    /// Returns one page, as Connect does.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(self.page(prefix))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async { self.connect.find_vault().await.map(drop) })
    }

    /// The vault: whoever may read it may read each of its items.
    fn resource(&self, _: &SecretPath) -> Option<String> {
        Some(diagnose::resource(&self.connect, self.connect.vault.as_str()))
    }

    fn diagnose<'a>(
        &'a self,
        _: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(diagnose::diagnose(&self.connect, foreign, found))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.connect.client.close();
        Box::pin(async {})
    }
}

impl fmt::Debug for OnePasswordVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnePasswordVault").field("info", &self.info).finish_non_exhaustive()
    }
}
