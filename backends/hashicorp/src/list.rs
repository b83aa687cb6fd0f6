//! Listing, page by page: the server lists one folder at a time, and all of it.
//!
//! A page begins behind the last path of the one before it, so nothing is kept between pages. That needs an order: paths
//! go by their segments, one by one, so that a secret comes before what lies below it.

use std::cmp::Ordering;

use cofferdam_vault::{Page, PageToken, SecretPath, VaultError};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use serde::Deserialize;
use vaultrs::api::kv1::requests::ListSecretRequest;
use vaultrs::api::kv2::requests::ListSecretsRequest;

use crate::answer::{self, Envelope};
use crate::error;
use crate::mount::Mount;
use crate::store::Store;

/// How many secrets a page looks at; on version 2 each costs a request, for a listing names deleted ones too.
const PAGE_PATHS: usize = 100;

/// How many of those requests run at a time.
const LOOKS_AT_ONCE: usize = 8;

/// What is left to visit, in order from the end.
enum Visit {
    Secret(SecretPath),
    /// Everything below that path, or everything.
    Folder(Option<SecretPath>),
}

/// The page behind `after` of what lies at and below `prefix`.
pub(crate) async fn page(
    store: &Store,
    prefix: Option<&SecretPath>,
    after: Option<&PageToken>,
) -> Result<Page, VaultError> {
    let after: Option<SecretPath> = after.and_then(|token| token.0.parse().ok());
    let mut left = vec![Visit::Folder(prefix.cloned())];
    // The folder's own listing does not say whether there is a secret of its name.
    left.extend(prefix.filter(|prefix| is_behind(prefix, after.as_ref())).cloned().map(Visit::Secret));
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
                    Visit::Secret(path) => is_behind(path, after.as_ref()),
                    Visit::Folder(folder) => may_hold_later(folder.as_ref(), after.as_ref()),
                }));
            }
        }
    }
    Ok(Page { paths: existing(store, prefix, found).await?, next })
}

/// Those of `found` that exist. Folders' listings are believed on version 1, but for `prefix` itself.
async fn existing(
    store: &Store,
    prefix: Option<&SecretPath>,
    found: Vec<SecretPath>,
) -> Result<Vec<SecretPath>, VaultError> {
    let looks = found.into_iter().map(|path| async move {
        let there = match store {
            Store::V2(kv) => kv.exists(&path).await?,
            Store::V1(kv) if prefix == Some(&path) => kv.exists(&path).await?,
            Store::V1(_) => true,
        };
        Ok(there.then_some(path))
    });
    let paths: Vec<Option<SecretPath>> =
        futures_util::stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect().await?;
    Ok(paths.into_iter().flatten().collect())
}

/// What lies directly in `folder`, in order. Names that no path can have are not ours.
async fn children(mount: &Mount, folder: Option<&SecretPath>) -> Result<Vec<Visit>, VaultError> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<String>,
    }
    let at = mount.at(folder);
    let answer = match mount.is_v2() {
        true => {
            let place = format!("{}/metadata/{at}", mount.name);
            let request = ListSecretsRequest { mount: mount.name.clone(), path: at };
            mount.sessions.send(&request, || mount.denied("list", &place)).await?.0
        }
        false => {
            let place = format!("{}/{at}", mount.name);
            let request = ListSecretRequest { mount: mount.name.clone(), path: at };
            mount.sessions.send(&request, || mount.denied("list", &place)).await?.0
        }
    };
    let garbage = |_| error::malformed(&mount.sessions.location, "a listing with something else");
    if answer.status == StatusCode::NOT_FOUND {
        Envelope::parse(&answer.body).map_err(garbage)?;
        mount.check().await?;
        return Ok(Vec::new());
    }
    let Keys { mut keys } = answer::data(&answer.body).map_err(garbage)?;
    // A secret before the folder of its name, as their paths go.
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

fn is_behind(path: &SecretPath, after: Option<&SecretPath>) -> bool {
    after.is_none_or(|after| path.segments().cmp(after.segments()) == Ordering::Greater)
}

/// Whether anything in `folder` can be behind `after`: it is behind it itself, or `after` lies in it or is its name.
fn may_hold_later(folder: Option<&SecretPath>, after: Option<&SecretPath>) -> bool {
    match (folder, after) {
        (Some(folder), Some(after)) => after.starts_with(folder) || is_behind(folder, Some(after)),
        _ => true,
    }
}
