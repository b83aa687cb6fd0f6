//! Listing in pages: the server lists one folder at a time, and all of it.
//!
//! A page starts after the last path of the page before it, so no state is kept between pages. That needs a total order:
//! paths are compared segment by segment, so that a secret comes before everything below it.

use std::cmp::Ordering;

use cofferdam_vault::http::StatusCode;
use cofferdam_vault::{Page, PageToken, SecretPath, VaultError};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use crate::endpoint;
use crate::error;
use crate::mount::Mount;
use crate::response::{self, Envelope};
use crate::store::Store;

/// Maximum number of secrets in a page. On version 2 each costs a request, because a listing includes deleted ones.
const PAGE_PATHS: usize = 100;

/// How many of those requests run concurrently.
const CONCURRENT_CHECKS: usize = 8;

/// What is left to visit, in reverse order.
enum Visit {
    Secret(SecretPath),
    /// Everything below this path, or everything in the vault.
    Folder(Option<SecretPath>),
}

/// The page after `after` of the secrets at and below `prefix`.
pub(crate) async fn page(
    store: &Store,
    prefix: Option<&SecretPath>,
    after: Option<&PageToken>,
) -> Result<Page, VaultError> {
    let after: Option<SecretPath> = after.and_then(|token| token.0.parse().ok());
    let mut left = vec![Visit::Folder(prefix.cloned())];
    // The folder's own listing does not include a secret of the same name.
    left.extend(prefix.filter(|prefix| is_after(prefix, after.as_ref())).cloned().map(Visit::Secret));
    let mut found: Vec<SecretPath> = Vec::new();
    let mut next = None;
    while let Some(visit) = left.pop() {
        match visit {
            Visit::Secret(_) if found.len() == PAGE_PATHS => {
                next = found.last().map(|last| PageToken(last.to_string()));
                break;
            }
            Visit::Secret(path) => found.push(path),
            Visit::Folder(folder) => {
                let inside = children(store.mount(), folder.as_ref()).await?;
                left.extend(inside.into_iter().rev().filter(|visit| match visit {
                    Visit::Secret(path) => is_after(path, after.as_ref()),
                    Visit::Folder(folder) => may_hold_later(folder.as_ref(), after.as_ref()),
                }));
            }
        }
    }
    Ok(Page { paths: existing(store, prefix, found).await?, next })
}

/// Those of `found` that exist. On version 1 listings are accurate, except for `prefix` itself.
async fn existing(
    store: &Store,
    prefix: Option<&SecretPath>,
    found: Vec<SecretPath>,
) -> Result<Vec<SecretPath>, VaultError> {
    let checks = found.into_iter().map(|path| async move {
        let exists = match store {
            Store::V2(kv) => kv.exists(&path).await?,
            Store::V1(kv) if prefix == Some(&path) => kv.exists(&path).await?,
            Store::V1(_) => true,
        };
        Ok(exists.then_some(path))
    });
    let paths: Vec<Option<SecretPath>> =
        futures_util::stream::iter(checks).buffered(CONCURRENT_CHECKS).try_collect().await?;
    Ok(paths.into_iter().flatten().collect())
}

/// The children of `folder`, in order. Skips names that are not valid in a path.
async fn children(mount: &Mount, folder: Option<&SecretPath>) -> Result<Vec<Visit>, VaultError> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<String>,
    }
    let at = mount.at(folder);
    let listed = match mount.is_v2() {
        true => format!("{}/metadata/{at}", mount.name),
        false => format!("{}/{at}", mount.name),
    };
    let request = endpoint::list(&listed);
    let (response, _) = mount.sessions.send(&request, || mount.denied("list", &listed)).await?;
    let malformed = |_| error::malformed(&mount.sessions.location, "a listing");
    if response.status == StatusCode::NOT_FOUND {
        Envelope::parse(&response.body).map_err(malformed)?;
        mount.check().await?;
        return Ok(Vec::new());
    }
    let Keys { mut keys } = response::data(&response.body).map_err(malformed)?;
    // A secret comes before the folder of the same name, as in the order of paths.
    keys.sort_unstable_by(|a, b| (a.trim_end_matches('/'), a.len()).cmp(&(b.trim_end_matches('/'), b.len())));
    let below = |name: &str| match folder {
        Some(folder) => format!("{folder}/{name}").parse().ok(),
        None => name.parse().ok(),
    };
    let visit = |key: String| match key.strip_suffix('/') {
        Some(name) => below(name).map(|path| Visit::Folder(Some(path))),
        None => below(&key).map(Visit::Secret),
    };
    Ok(keys.into_iter().filter_map(visit).collect())
}

fn is_after(path: &SecretPath, after: Option<&SecretPath>) -> bool {
    after.is_none_or(|after| path.segments().cmp(after.segments()) == Ordering::Greater)
}

/// Whether `folder` may contain paths after `after`: the folder comes after it, or is it, or contains it.
fn may_hold_later(folder: Option<&SecretPath>, after: Option<&SecretPath>) -> bool {
    match (folder, after) {
        (Some(folder), Some(after)) => after.starts_with(folder) || is_after(folder, Some(after)),
        _ => true,
    }
}
