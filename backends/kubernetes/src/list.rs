//! Listing, page by page and without values.

use cofferdam_vault::{ErrorKind, Page, PageToken, SecretPath, VaultError};
use serde::Deserialize;

use crate::api::Api;
use crate::object::PartialObject;
use crate::status::Answer;

/// Number of Secrets in a page.
const PAGE: u32 = 250;

/// A page of Secrets without values.
#[derive(Deserialize)]
pub(crate) struct PartialList {
    /// A server that does not leave the values out returns another kind, which is refused.
    #[serde(rename = "kind")]
    _kind: Kind,
    metadata: ListMetadata,
    /// `null` if there are none.
    items: Option<Vec<PartialObject>>,
}

#[derive(Deserialize)]
enum Kind {
    PartialObjectMetadataList,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(default, rename = "continue")]
    continues: String,
}

/// The Secrets at and below `prefix` of the page after `after`.
///
/// # Errors
///
/// See [`Vault::list`](cofferdam_vault::Vault::list). `Unavailable` (secret) if the page before is too long ago.
pub(crate) async fn page(
    api: &Api<'_>,
    prefix: Option<&SecretPath>,
    after: Option<&PageToken>,
) -> Result<Page, VaultError> {
    let mut answer = api.list(PAGE, after.map(|after| after.0.as_str())).await?;
    // The state at the first page is gone. The rest is listed as it is now: pages are in the order of names, so no path is
    // listed twice.
    if let Err(status) = &answer
        && status.is_expired()
    {
        answer = match status.continues() {
            Some(after) => api.list(PAGE, Some(after)).await?,
            None => {
                let message =
                    "the listing took too long, and the API server has dropped its state; list again";
                return Err(VaultError::secret(ErrorKind::Unavailable, message));
            }
        };
    }
    let list = list(api, answer)?;
    let is_listed = |path: &SecretPath| prefix.is_none_or(|prefix| path.starts_with(prefix));
    let existing = list.items.iter().flatten().filter(|item| !item.metadata.is_being_deleted());
    let paths = existing.filter_map(|item| item.metadata.path()).filter(is_listed).collect();
    let continues = list.metadata.continues;
    Ok(Page { paths, next: (!continues.is_empty()).then_some(PageToken(continues)) })
}

/// The version of the whole, from which to watch.
///
/// # Errors
///
/// As [`page`].
pub(crate) async fn version(api: &Api<'_>) -> Result<String, VaultError> {
    let answer = api.list(1, None).await?;
    Ok(list(api, answer)?.metadata.resource_version)
}

fn list(api: &Api<'_>, answer: Answer) -> Result<PartialList, VaultError> {
    match answer {
        Ok(response) => response.json().map_err(|_| api.unexpected("a listing")),
        Err(status) => Err(api.refused_all(status, "a listing", "list")),
    }
}
