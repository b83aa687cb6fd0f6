//! The requests of the Connect API, and the errors of their responses. Statuses decide, never messages.

use cofferdam_vault::http::{Request, Response, StatusCode, TokenClient};
use cofferdam_vault::{ErrorKind, VaultError};
use serde::Deserialize;

use crate::config::Name;

/// Maximum size of a listing: that of a vault with 20,000 items is smaller.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// One vault of a Connect server.
pub(crate) struct Connect {
    pub(crate) client: TokenClient,
    pub(crate) vault: Name,
}

/// A vault in a listing.
#[derive(Deserialize)]
pub(crate) struct VaultEntry {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
}

/// An item in a listing, without its fields.
#[derive(Deserialize)]
pub(crate) struct ItemEntry {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) title: String,
    /// Present if the item is archived or deleted.
    state: Option<String>,
}

impl Connect {
    /// The server's health, which needs no token.
    pub(crate) fn heartbeat() -> Request {
        Request::get("heartbeat")
    }

    /// The vaults that the token reaches.
    pub(crate) async fn vaults(&self) -> Result<Vec<VaultEntry>, VaultError> {
        let request = Request::get("v1/vaults").with_max_bytes(MAX_LIST_BYTES);
        self.body(&self.client.send(&request).await?, "a listing of vaults")
    }

    /// The ID of the vault, from the vaults that the token reaches.
    ///
    /// # Errors
    ///
    /// `Misconfigured` (vault) if not exactly one of them has the ID or the title.
    pub(crate) async fn find_vault(&self) -> Result<String, VaultError> {
        let name = self.vault.as_str();
        let mut found =
            self.vaults().await?.into_iter().filter(|vault| vault.id == name || vault.name == name);
        match (found.next(), found.next()) {
            (Some(vault), None) => Ok(vault.id),
            (None, _) => Err(self.out_of_reach()),
            _ => Err(self.misconfigured("has several vaults with the title in `vault`; write the ID of one")),
        }
    }

    /// The ID of the vault. One in the settings is not looked up.
    pub(crate) async fn vault_id(&self) -> Result<String, VaultError> {
        match &self.vault {
            Name::Id(id) => Ok(id.clone()),
            Name::Title(_) => self.find_vault().await,
        }
    }

    /// The items of the vault, all or those with this `title`, without archived and deleted ones.
    pub(crate) async fn items(&self, vault: &str, title: Option<&str>) -> Result<Vec<ItemEntry>, VaultError> {
        let mut request = Request::get(format!("v1/vaults/{vault}/items")).with_max_bytes(MAX_LIST_BYTES);
        if let Some(title) = title {
            request = request.with_parameter("filter", &format!("title eq \"{title}\""));
        }
        let response = self.client.send(&request).await?;
        if matches!(response.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            return Err(self.out_of_reach());
        }
        let items: Vec<ItemEntry> = self.body(&response, "a listing of items")?;
        let wanted = |item: &ItemEntry| item.state.is_none() && title.is_none_or(|title| item.title == title);
        Ok(items.into_iter().filter(wanted).collect())
    }

    /// The item with this ID; `None` if there is none.
    pub(crate) async fn item(&self, vault: &str, id: &str) -> Result<Option<Response>, VaultError> {
        /// What Connect returns with an error. A proxy's 404 does not mean that there is no item.
        #[derive(Deserialize)]
        struct ErrorResponse {
            status: u16,
        }
        let response = self.client.send(&Request::get(format!("v1/vaults/{vault}/items/{id}"))).await?;
        match response.status {
            StatusCode::OK => Ok(Some(response)),
            StatusCode::FORBIDDEN => Err(self.out_of_reach()),
            StatusCode::NOT_FOUND if response.json::<ErrorResponse>().is_ok_and(|e| e.status == 404) => {
                Ok(None)
            }
            _ => Err(self.client.malformed("a read of an item")),
        }
    }

    fn body<'a, T: Deserialize<'a>>(&self, response: &'a Response, to: &str) -> Result<T, VaultError> {
        let body = response.json().ok().filter(|_| response.status == StatusCode::OK);
        body.ok_or_else(|| self.client.malformed(to))
    }

    fn out_of_reach(&self) -> VaultError {
        self.misconfigured(
            "has no vault with the title or ID in `vault` that the token may read; grant it access",
        )
    }

    fn misconfigured(&self, why: &str) -> VaultError {
        VaultError::vault(ErrorKind::Misconfigured, format!("{} {why}", self.client.location()))
    }
}
