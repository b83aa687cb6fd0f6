//! Leases: credentials that the vault revokes when their time is over, for example a database login made for this process.
//!
//! A secret with a lease differs from others. Reading it again does not confirm it but creates another lease. So it stays
//! in the cache for as long as its lease lasts, and something must happen before that ends:
//!
//! - **Used and renewable: renewed** at two thirds of its life, so that a third is left for retries.
//! - **Used and not renewable: replaced.** The lease may be fixed, the renewal rejected, or the renewed duration shorter
//!   because the store's maximum is near. A new secret is read while the old one is still served.
//! - **Not used since its last renewal: left to expire.** Until then it can be served if the vault becomes unreachable. A
//!   caller who asks for it in its last third reads a new one and never gets a login that is about to end.
//!
//! # When a lease is released
//!
//! A lease is released when its credential is no longer in use, and not before. Each
//! [`Credential`](crate::broker::credential::Credential) holds a
//! [`LeaseGuard`](crate::broker::credential::LeaseGuard). The cache has one reference to the
//! credential, and each call in flight has another. When the credential is replaced, evicted or rejected, or when a newer
//! read supersedes its load, the cache's reference goes. The calls end one by one, and the last reference releases the
//! lease. So no call loses its login while it runs, and no estimate of how long calls take is needed. A lease that cannot
//! be released expires by itself.
//!
//! [`table`] knows what is due when; [`renewer`] does it.

mod renewer;
mod table;

pub(super) use self::renewer::LeaseRenewer;
