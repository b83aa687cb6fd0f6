//! The calls that every backend answers.

use std::fmt;
use std::pin::Pin;

use crate::{FieldName, Lease, Secret, SecretFields, SecretPath, VaultError, Version};
use cofferdam_config::Diagnostics;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a vault is, safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultInfo {
    /// The backend's name: `env`, `age`, …
    pub backend: &'static str,
    /// Where the store is, fit for a log: a file's path, an address without user names or query.
    pub location: String,
    /// What the store can do.
    pub capabilities: Capabilities,
}

/// What a store can do. The testkit's suite holds a backend to what it declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// [`Vault::write`] and [`Vault::delete`] work.
    pub write: bool,
    /// [`Vault::list`] works.
    pub list: bool,
    /// Writes honour [`Expect::Absent`] and [`Expect::Version`] against every writer, other processes included, and
    /// no version ever returns. Without it, they are held against what is there just before the write.
    pub cas: bool,
    /// The state before the current one can be read.
    pub previous: bool,
    /// [`Vault::read_many`] takes fewer requests than reading one by one.
    pub batch: bool,
    /// Reads may create leases; [`Vault::renew`] and [`Vault::release`] work.
    pub dynamic: bool,
}

/// Which state of a secret is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The newest.
    Current,
    /// The one before it, for the time of a rotation.
    Previous,
}

/// What a writer believes to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there is replaced.
    Any,
    /// Nothing is there; a deleted secret counts as absent.
    Absent,
    /// Exactly this version is there.
    Version(Version),
}

/// One of the reads of a [`Vault::read_many`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The secret.
    pub path: SecretPath,
    /// The fields that are wanted.
    pub fields: Vec<FieldName>,
}

/// Where the next page of a listing begins; opaque text that the backend made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub String);

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Paths of secrets that exist, in the store's order, none twice over all pages.
    pub paths: Vec<SecretPath>,
    /// Present where there is more.
    pub next: Option<PageToken>,
}

/// One physically separate store of secrets.
///
/// Every call is one attempt: no retries, no cache, no time-out of its own. A caller may drop the future at any
/// await point, and the vault stays usable. Nothing here prints secret text, the implementation's `Debug` included.
pub trait Vault: fmt::Debug + Send + Sync {
    /// What this vault is. Constant over its life, and answers without touching the store.
    fn info(&self) -> &VaultInfo;

    /// Reads `fields` of the secret at `path`.
    ///
    /// All of `fields` are in the answer, an empty text too where the store can hold one. With no field named, every
    /// field that the secret has is in it, for who shows or changes a secret as a whole; a vault without the
    /// capability `list` cannot know their names, and answers none, whether or not there is a secret.
    ///
    /// [`Stage::Previous`] reads the state before the current one; where the
    /// store has none, or the capability is missing, the answer is `NotFound` or `Unsupported` with scope secret.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret) for an absent or deleted secret, or one that lacks a field; every other kind as
    /// [`ErrorKind`](crate::ErrorKind) describes it.
    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>>;

    /// Whether a read of `path` creates a lease. Such a read is not repeated after a lost answer: the first one may have
    /// left a lease behind. By default every read of a `dynamic` store does; one that has other secrets beside says which.
    fn creates_lease(&self, path: &SecretPath) -> bool {
        let _ = path;
        self.info().capabilities.dynamic
    }

    /// Reads the current state of several secrets; answers in the order of `wanted`, one for each.
    ///
    /// One secret's failure does not fail the others. Where the store cannot batch, this reads one by one.
    fn read_many<'a>(&'a self, wanted: &'a [ReadRequest]) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(wanted.len());
            for request in wanted {
                answers.push(self.read(&request.path, &request.fields, Stage::Current).await);
            }
            answers
        })
    }

    /// Replaces the whole secret at `path` with `fields`, if `expect` holds, and answers the new version.
    ///
    /// Fields that are not in `fields` are gone. A deleted secret counts as absent.
    ///
    /// # Errors
    ///
    /// `Conflict` where `expect` does not hold: nothing was written. `ReadOnly` where the capability is missing.
    /// After any other error it is unknown whether the write happened; reading back settles it.
    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>>;

    /// Deletes the secret at `path`, if `expect` holds. Deleting what is not there succeeds with [`Expect::Any`].
    ///
    /// # Errors
    ///
    /// As [`Vault::write`].
    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>>;

    /// Lists the secrets at and below `prefix`, or all, one page at a time; `after` is the last page's `next`.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret) where the capability is missing.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>>;

    /// Lengthens a lease and answers what it is now.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret) where the store has no leases; `NotFound` (secret) where this one has ended.
    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Lease, VaultError>> {
        let _ = lease;
        Box::pin(async { Err(no_leases()) })
    }

    /// Ends a lease before its time. Ending one that has ended succeeds.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret) where the store has no leases.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), VaultError>> {
        let _ = lease;
        Box::pin(async { Err(no_leases()) })
    }

    /// A cheap look whether the vault would answer; reads no secret, and creates nothing.
    ///
    /// # Errors
    ///
    /// What a read would meet that is not about one secret, always with scope vault.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>>;

    /// The resource that the store's access rules name for `path`; `None`, as by default, if it has no such rules.
    fn resource(&self, path: &SecretPath) -> Option<String> {
        let _ = path;
        None
    }

    /// Diagnoses the vault for an operator, more closely than [`Vault::probe`]: whether this login may do what reading
    /// `needs` takes, whether it may do more, who else can reach the files that the settings name, what ends soon. Nothing
    /// by default.
    ///
    /// `foreign` are [resources](Vault::resource) of other vaults, which this vault should not be able to read. The call
    /// changes nothing and reads no secret: whether each secret is there is for the caller to check. It ends if the vault
    /// is down too, with what could be found; that the vault is down is reported by [`Vault::probe`]. A question that
    /// the store does not answer is a warning, never a check that passed.
    ///
    /// A diagnostic about one secret has its path as the key. Each diagnostic is added to `found` when it is made, and
    /// those that need no network come first, so that a caller whose timeout ends keeps what was found until then.
    fn diagnose<'a>(
        &'a self,
        needs: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        let _ = (needs, foreign, found);
        Box::pin(async {})
    }

    /// Gives back what the vault holds (logins, leases, connections). Called once, at shutdown.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

fn no_leases() -> VaultError {
    VaultError::secret(crate::ErrorKind::Unsupported, "this store has no leases")
}
