//! Watching: the vault reports changes, so that cached secrets need not be read again.
//!
//! A vault with the capability `watch` is watched by one task of its compartment. Two things follow from what the watch
//! reports:
//!
//! - **Each item confirms what was read under the watch.** It counts as a response of the vault: `cache_ttl` and `stale_for`
//!   of these secrets count from it. While a watch works, it is heard more often than `cache_ttl`, so nothing is read again.
//! - **A changed secret is dropped at once.** Neither its cache entry nor the result of a load that began before the change is
//!   served to a later caller, not even as a stale one.
//!
//! A watch that breaks or is silent confirms nothing. The ages then go on from when it was last heard, and secrets are read
//! again after `cache_ttl`, as without a watch. A watch that invents changes costs reads of its own vault. One that conceals
//! them does what a vault does that returns old secrets, and affects no other vault either.
//!
//! A secret that was read before the watch went live is not confirmed: it may have changed in between. It is dropped if it
//! is reported.
//!
//! [`coverage`] is what reads and the cache know of it; [`watcher`] is the task.

mod coverage;
mod watcher;

pub(super) use self::coverage::{Coverage, Watched};
pub(super) use self::watcher::Watcher;
