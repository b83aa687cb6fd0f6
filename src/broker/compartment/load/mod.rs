//! Loading secrets from the vault into the cache: single-flight loads, prefetch, and refetch after a rejection.

mod loader;
mod prefetch;
mod refetch;
mod shared_result;

pub(super) use self::loader::Loader;
pub(super) use self::prefetch::prefetch;
pub(super) use self::refetch::Refetcher;
