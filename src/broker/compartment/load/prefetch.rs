//! Prefetch: shared secrets are in the cache before the first call needs them.
//!
//! A thousand modules whose first calls come together would otherwise read a thousand secrets one by one. A vault that can
//! batch is asked in batches, one after the other, because its limits for them are low and fifty replicas start together.
//! A vault that cannot batch is asked for a few secrets, so that a person who starts the server sees which accounts lack a
//! credential.
//!
//! These reads are ordinary loads: they pass the same layers, callers that miss meanwhile join them, and after the deadline
//! the rest is left to the first call that needs it. A secret whose read creates a lease is never prefetched, because it
//! may never be used.

use std::sync::Arc;

use cofferdam_vault::VaultError;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::loader::Loader;
use super::shared_result::SharedResult;
use crate::broker::compartment::cache::{CacheKey, ReadResult};
use crate::broker::compartment::client::VaultClient;
use crate::broker::compartment::policy::CompartmentPolicy;
use crate::broker::compartment::timing::saturating_add;

/// Number of secrets in one batch. The attempt timeout covers one batch, so the batch must fit into it even if the vault
/// reads the secrets one by one.
pub(crate) const BATCH: usize = 20;

/// Number of secrets that are prefetched one by one. The profile of a laptop has a handful.
const SINGLE: usize = 50;

/// Loads `keys` into the cache within the deadline of one read.
///
/// Returns how each secret was found, in the order of `keys`; `None` for a secret that was not read.
pub(crate) async fn prefetch(
    loader: &Arc<Loader>,
    client: &VaultClient,
    policy: &CompartmentPolicy,
    keys: &[Arc<CacheKey>],
) -> Vec<Option<Result<(), VaultError>>> {
    let end = saturating_add(Instant::now(), policy.deadline);
    let batch = client.info().capabilities.batch;
    let cache_entries = usize::try_from(policy.cache_entries).unwrap_or(usize::MAX);
    let max = if batch { cache_entries.max(SINGLE) } else { SINGLE };
    let mut found = vec![None; keys.len()];
    let selected: Vec<usize> =
        (0..keys.len()).filter(|&index| !client.creates_lease(&keys[index].path)).take(max).collect();
    for part in selected.chunks(if batch { BATCH } else { SINGLE }) {
        let keys: Vec<_> = part.iter().map(|&index| Arc::clone(&keys[index])).collect();
        let loads =
            if batch { loader.load_many(&keys) } else { keys.iter().map(|key| loader.load(key)).collect() };
        let results = join_all(loads.into_iter().map(|load| outcome(load, end))).await;
        let vault_failed = results.iter().all(|result| result.as_ref().is_err_and(VaultError::allows_stale));
        for (&index, result) in part.iter().zip(results) {
            found[index] = Some(result);
        }
        if vault_failed || Instant::now() >= end {
            break;
        }
    }
    found
}

async fn outcome(
    load: Result<SharedResult<ReadResult>, VaultError>,
    deadline: Instant,
) -> Result<(), VaultError> {
    load?.wait_until(deadline).await?.map(|_| ())
}
